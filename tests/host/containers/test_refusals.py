"""What cannot be is refused with a message that names it, and nothing of it stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.containers import Room

# Flags of `create`, and what the message says. Nothing is started for these: they are refused at once.
AT_CREATION = [
    ((), "no-such-image", "no-such-image"),
    (("--name", "taken"), IMAGE, "the name taken is in use by container"),
    (("--name", "in-pod"), IMAGE, "the name in-pod is in use by pod"),
    (("--name", "not allowed"), IMAGE, "container name 'not allowed' is not allowed"),
    (("--name", "-x"), IMAGE, "not allowed|expected one argument"),
    (("--rootfs",), "/no/such/directory", "root directory /no/such/directory"),
    (("--rootfs",), "/etc/passwd", "root directory /etc/passwd"),
    (("-v", "/no/such/source:/x"), IMAGE, "/no/such/source"),
    (("-v", "relative:name:x:y"), IMAGE, "relative:name:x:y"),
    (("-v", "/tmp:relative"), IMAGE, "relative"),
    (("--mount", "type=bind,source=/tmp"), IMAGE, "type=bind,source=/tmp"),
    (("--mount", "type=nonsense,target=/x"), IMAGE, "nonsense"),
    (("--tmpfs", "relative"), IMAGE, "relative"),
    (("--cap-add", "NONSENSE"), IMAGE, "unknown capability 'NONSENSE'"),
    (("--cap-add", "KILL", "--cap-drop", "KILL"), IMAGE, "KILL cannot be both"),
    (("--stop-signal", "NONSENSE"), IMAGE, "NONSENSE"),
    (("--stop-timeout", "-1"), IMAGE, "-1"),
    (("--memory", "much"), IMAGE, "much"),
    (("--cpus", "many"), IMAGE, "many"),
    (("--pids-limit", "x"), IMAGE, "--pids-limit 'x'"),
    (("--cgroup-parent", "system.slice"), IMAGE, "system.slice"),
    (("--ulimit", "nofile=lots"), IMAGE, "nofile=lots"),
    (("--ulimit", "nonsense=1"), IMAGE, "nonsense"),
    (("--sysctl", "kernel.hostname"), IMAGE, "kernel.hostname"),
    (("--sysctl", "vm.swappiness=1"), IMAGE, "vm.swappiness"),
    (("--device", "/dev/nonsense"), IMAGE, "/dev/nonsense"),
    (("--security-opt", "nonsense"), IMAGE, "nonsense"),
    (("--security-opt", "seccomp=/no/such/file"), IMAGE, "/no/such/file"),
    (("--dns", "nonsense"), IMAGE, "'nonsense' is not an IP address"),
    (("--add-host", "nonsense"), IMAGE, "--add-host 'nonsense'"),
    (("--env-file", "/no/such/file"), IMAGE, "/no/such/file"),
    (("--log-driver", "nonsense"), IMAGE, "unknown log driver 'nonsense'"),
    (("--log-opt", "nonsense=1"), IMAGE, "nonsense"),
    (("--log-opt", "max-size=big"), IMAGE, "max-size=big"),
    (("--network", "container:nobody"), IMAGE, "no such container: nobody"),
    (("--pid", "container:nobody"), IMAGE, "no such container: nobody"),
    (("--ipc", "nonsense"), IMAGE, "--ipc 'nonsense'"),
    (("--requires", "nobody"), IMAGE, "no such container: nobody"),
    (("--umask", "999"), IMAGE, "--umask '999'"),
    (("--cidfile", "/no/such/directory/id"), IMAGE, "/no/such/directory/id"),
    (("--shm-size", "x"), IMAGE, "x"),
    (("--no-such-flag",), IMAGE, "unknown flag: --no-such-flag"),
    (("--gpus", "all"), IMAGE, "unknown flag: --gpus"),
]
# What is only seen when it starts.
AT_START = [
    (("-u", "nobody-here"), ("true",), 125, "no user 'nobody-here'"),
    (("-u", "root:nobody-here"), ("true",), 125, "nobody-here"),
    (("--network", "ns:/no/such/namespace"), ("true",), 125, "/no/such/namespace"),
    (("-w", "/no/such/directory"), ("true",), 125, "working directory /no/such/directory"),
    (("--entrypoint", ""), (), 125, "no command|nothing to run"),
]


@pytest.fixture(name="full", scope="module")
def _full(used_store: tuple[Room, object]) -> Iterator[Room]:
    """A store with a container and a pod whose names are taken."""
    room, _before = used_store
    room.libpod("create", "--name", "taken", IMAGE, "true")
    with room.runtime() as runtime:
        from libpod.state.records import PodRecord

        identifier = "c" * 64
        config = {
            "id": identifier,
            "name": "in-pod",
            "labels": {},
            "cgroupParent": room.parent,
            "lockID": 2047,
        }
        runtime.state.add_pod(PodRecord(identifier, config, {}))
    yield room
    with room.runtime() as runtime:
        runtime.state.remove_pod(runtime.state.pod(identifier))
        runtime.container("taken").remove()


@pytest.mark.parametrize("start", range(0, len(AT_CREATION), 6))
def test_refused_at_creation(full: Room, start: int) -> None:
    """Several in one test: what they leave is looked for once."""
    before = full.traces()
    for options, image, said in AT_CREATION[start : start + 6]:
        result = full.libpod("create", *options, image, "true", status=125)
        assert re.search(said, result.stderr), result
        assert re.match(r"Error: (?!unexpected)", result.stderr), result
        assert "Traceback" not in result.stderr
    assert full.traces() == before, full.traces().difference(before)


@pytest.mark.parametrize(("options", "command", "status", "said"), AT_START)
def test_refused_at_start(
    full: Room, options: tuple[str, ...], command: tuple[str, ...], status: int, said: str
) -> None:
    before = full.traces()
    result = full.libpod("run", "--rm", *options, IMAGE, *command, status=status)
    assert re.search(said, result.stderr), result
    assert "Traceback" not in result.stderr
    assert full.settled(lambda: full.traces() == before), full.traces().difference(before)


def test_names_that_are_not_clear(full: Room) -> None:
    """An unknown name, an empty one, and the beginning of several IDs."""
    with full.runtime() as runtime:
        from libpod.containers import create
        from libpod.containers.create import CreateOptions
        from libpod.oci.options import SpecOptions

        wanted = CreateOptions(image=IMAGE, cgroup_parent=full.parent, spec=SpecOptions(command=["true"]))
        made = [create.create(runtime.engine, wanted).id for _ in range(17)]
    first = [identifier[0] for identifier in made]
    shared = next(digit for digit in first if first.count(digit) > 1)
    for verb in ("start", "stop", "rm", "kill", "pause", "wait", "logs", "mount", "exec"):
        rest = ("true",) if verb == "exec" else ()
        for name, said in (
            ("nobody", "no such container: nobody"),
            (shared, "beginning|more of the ID|several"),
        ):
            # podman-rm(1) has a status of its own for what is not there.
            status = 1 if (verb, name) == ("rm", "nobody") else 125
            result = full.libpod(verb, name, *rest, status=status)
            assert re.search(said, result.stderr), result
    for words in (
        ("kill", "-s", "NONSENSE", "taken"),
        ("logs", "--since", "nonsense", "taken"),
        ("start",),
        ("rm",),
    ):
        full.libpod(*words, status=125)
    full.libpod("rm", *made)
