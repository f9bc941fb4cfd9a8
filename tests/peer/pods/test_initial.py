"""Init containers: Podman runs ours before the others of a pod, and we run Podman's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE, Store
from tests.lab.stores import PODMAN_4, PODMAN_5, Kind

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

SLEEP = ("sh", "-c", "trap 'exit 0' TERM; echo main >> /data/notes; while :; do sleep 0.1; done")


def states(store: Store) -> dict[str, str]:
    """The states of the pod's containers without the infra container."""
    rows = json.loads(store.libpod("ps", "-a", "--format", "json").stdout)
    return {row["Names"][0]: row["State"] for row in rows if not row["IsInfra"]}


@pytest.mark.parametrize("kind", [PODMAN_4, PODMAN_5], ids=str)
@pytest.mark.parametrize(("maker", "starter"), [("libpod", "podman"), ("podman", "libpod")])
def test_either_runs_those_of_the_other(make_store: MakeStore, kind: Kind, maker: str, starter: str) -> None:
    store = make_store(kind)
    make, start = (getattr(store, name) for name in (maker, starter))
    make("volume", "create", "data")
    make("pod", "create", "--name", "p", "--network", "none")
    for name, options, command in (
        ("main", (), SLEEP),
        ("always", ("--init-ctr", "always"), ("sh", "-c", "echo always >> /data/notes")),
        ("once", ("--init-ctr", "once"), ("sh", "-c", "echo once >> /data/notes")),
    ):
        make("create", "--pod", "p", "--name", name, *options, "-v", "data:/data", IMAGE, *command)
    start("pod", "start", "p", check=False)  # Podman 4.3 complains of a container that it has removed itself
    assert states(store) in (
        {"main": "running", "always": "exited"},
        # It has ended, and is taken down a moment later.
        {"main": "running", "always": "stopped"},
    )
    read = ("exec", "main", "cat", "/data/notes")
    assert store.libpod(*read).stdout.split() == ["always", "once", "main"]
    for program in (store.podman, store.libpod):
        (row,) = json.loads(program("pod", "ps", "--format", "json").stdout)
        assert row["Status"] == "Running"
    start("pod", "stop", "-t", "5", "p")
    start("pod", "start", "p")
    assert store.libpod(*read).stdout.split()[3:] == ["always", "main"]
    late = start("create", "--pod", "p", "--init-ctr", "always", IMAGE, "true", check=False)
    assert late.status == 125
    start("pod", "rm", "-f", "-t", "0", "p")
