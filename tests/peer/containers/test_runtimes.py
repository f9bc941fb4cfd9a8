"""A container stays with the OCI runtime that it was made with, whichever is the usual one.

The other runtime is runc with its state in another place, so that neither knows what the other has made.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

PROGRAM = "/srv/bin/runc-elsewhere"
SCRIPT = '#!/bin/sh\nexec runc --root /run/elsewhere "$@"\n'
WORK = ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    store = make_store()
    program = store.path(PROGRAM)
    program.parent.mkdir(exist_ok=True)
    program.write_text(SCRIPT)
    program.chmod(0o755)
    with store.path("/etc/containers/containers.conf").open("a") as settings:
        settings.write(f'[engine.runtimes]\nother = ["{PROGRAM}"]\n')
    return store


def known_elsewhere(store: Store) -> dict[str, str]:
    """What the other runtime has, and how that is."""
    found = json.loads(store.machine.run([PROGRAM, "list", "--format", "json"]).stdout) or []
    return {each["id"]: each["status"] for each in found}


def run(store: Store, maker: str, name: str) -> str:
    """Let one of the programs start a container with the other runtime; return its ID."""
    program = store.podman if maker == "podman" else store.libpod
    return program("--runtime", "other", "run", "-d", "--name", name, IMAGE, *WORK).stdout.strip()


@pytest.mark.parametrize("maker", ["podman", "libpod"])
def test_we_drive_it(store: Store, maker: str) -> None:
    identifier = run(store, maker, "web")
    assert known_elsewhere(store) == {identifier: "running"}
    assert store.libpod("exec", "web", "echo", "inside").stdout == "inside\n"
    store.libpod("pause", "web")
    assert known_elsewhere(store) == {identifier: "paused"}
    store.libpod("unpause", "web")
    store.libpod("stop", "web")
    assert known_elsewhere(store) == {}
    assert json.loads(store.libpod("inspect", "web").stdout)[0]["State"]["ExitCode"] == 3
    store.libpod("start", "web")
    assert known_elsewhere(store) == {identifier: "running"}
    store.libpod("rm", "-f", "-t", "0", "web")
    assert known_elsewhere(store) == {}


def test_podman_finds_the_runtime_of_ours(store: Store) -> None:
    identifier = run(store, "libpod", "web")
    assert store.inspect("web")["OCIRuntime"] == "other"
    assert store.podman("exec", "web", "echo", "inside").stdout == "inside\n"
    store.podman("restart", "-t", "0", "web")
    assert known_elsewhere(store) == {identifier: "running"}
    store.podman("rm", "-f", "-t", "0", "web")


def test_a_runtime_that_is_not_installed_any_more(store: Store) -> None:
    run(store, "podman", "web")
    store.libpod("stop", "-t", "0", "web")
    store.path(PROGRAM).unlink()
    refused = store.libpod("start", "web", check=False)
    assert refused.status == 125
    assert (
        "was made with the OCI runtime other: no OCI runtime found: tried /srv/bin/runc-elsewhere"
        in refused.stderr
    )
    store.libpod("rm", "web")
    assert store.podman("ps", "-aq").stdout == ""
