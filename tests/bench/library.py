"""Runs in the machine, with the installed package: the library in one process. Prints JSON.

::

    library.py GRAPH_ROOT RUN_ROOT TMP_DIR lives COUNT         seconds of lives, and of `runc run` beside them
    library.py GRAPH_ROOT RUN_ROOT TMP_DIR many COUNT CYCLES   MiB with COUNT started, MiB that CYCLES add
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from libpod import Container, Runtime, RuntimeConfig
from libpod.containers import create
from libpod.oci.options import Namespaces, SpecOptions

IMAGE = "localhost/bb:latest"


def make(runtime: Runtime, *command: str) -> Container:
    """A new container without a network."""
    wanted = SpecOptions(command=command, namespaces=Namespaces(network="none"))
    return Container(
        runtime.engine, create.create(runtime.engine, create.CreateOptions(image=IMAGE, spec=wanted))
    )


def life(runtime: Runtime) -> float:
    """Seconds from create to remove."""
    before = time.perf_counter()
    container = make(runtime, "true")
    container.start()
    assert container.wait() == 0
    container.remove()
    return time.perf_counter() - before


def lives(runtime: Runtime, count: int) -> dict[str, Any]:
    """Lives, and runs of the same bundle by runc alone, in turn."""
    model = make(runtime, "true")
    model.init()
    bundle = Path("/run/bench-bundle")
    bundle.mkdir()
    config = json.loads(Path(model.record.static_directory, "config.json").read_text())
    config["linux"]["cgroupsPath"] = "/libpod_parent/libpod-" + "f" * 64
    (bundle / "config.json").write_text(json.dumps(config))
    found: dict[str, Any] = {"library": [], "runc": []}
    for number in range(count + 1):
        ours, bare = life(runtime), bare_run(bundle)
        if number:
            found["library"].append(ours)
            found["runc"].append(bare)
    model.remove(force=True, timeout=0)
    return found


def bare_run(bundle: Path) -> float:
    """Seconds of `runc run`."""
    before = time.perf_counter()
    # Its output is what we print; it must not get in between, nor wait for our input.
    with open(os.devnull, "r+b") as null:
        command = ["runc", "run", "--bundle", str(bundle), "f" * 64]
        subprocess.run(command, check=True, stdin=null, stdout=null, stderr=null)
    return time.perf_counter() - before


def many(runtime: Runtime, count: int, cycles: int) -> dict[str, Any]:
    """Memory with *count* containers started, and what *cycles* of making and removing add to it."""
    for _ in range(count):
        make(runtime, "sleep", "100000").start()
    peak = memory("VmHWM")
    # The first tenth fills what Python keeps: free lists, interned names.
    for _ in range(cycles // 10):
        make(runtime, "true").remove()
    before = memory("VmRSS")
    for _ in range(cycles):
        make(runtime, "true").remove()
    return {"peak": peak, "growth": memory("VmRSS") - before}


def memory(name: str) -> float:
    """MiB of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)


def main(root: str, run_root: str, tmp_dir: str, what: str, *numbers: str) -> None:
    """Do as the command line says."""
    os.environ.setdefault("PATH", os.defpath)
    config = RuntimeConfig.load(graph_root=root, run_root=run_root, tmp_dir=tmp_dir)
    with Runtime(config) as runtime:
        first, *rest = map(int, numbers)
        found = lives(runtime, first) if what == "lives" else many(runtime, first, rest[0])
    print(json.dumps(found))


main(*sys.argv[1:])
