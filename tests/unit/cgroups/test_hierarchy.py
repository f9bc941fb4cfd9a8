"""Which hierarchies there are, from tables of mounts that are ordinary files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

from libpod.cgroups import hierarchy
from libpod.errors import NotSupported
from libpod.host import proc

if TYPE_CHECKING:
    from pathlib import Path

END = "a line that only who reads to the end sees - cgroup\n"


class Host(NamedTuple):
    """Where mounts appear, the table of mounts, and the list of hierarchies that the kernel has."""

    root: Path
    table: Path
    membership: Path

    def known(self, *names: str) -> None:
        self.membership.write_text("".join(f"{number}:{name}:/\n" for number, name in enumerate(names)))

    def mount(self, name: str, kind: str, options: str, *, hidden: bool = False) -> None:
        """Append a mount; of a *hidden* one another is seen in its place."""
        place = self.root / name
        place.mkdir(exist_ok=True)
        device = place.stat().st_dev
        shown = f"{os.major(device)}:{os.minor(device) + hidden}"
        with self.table.open("a") as stream:
            stream.write(f"36 35 {shown} / {place} rw - {kind} {kind} {options}\n")

    def found(self) -> list[str]:
        return [os.path.basename(found.mount_point) for found in hierarchy.hierarchies()]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path, tmp_path / "mountinfo", tmp_path / "cgroup")
    monkeypatch.setattr(proc, "MOUNT_TABLE_FILE", str(made.table))
    monkeypatch.setattr(hierarchy, "MEMBERSHIP_FILE", str(made.membership))
    made.table.touch()
    return made


def test_the_rest_of_the_table_is_not_read(host: Host) -> None:
    host.known("")
    host.mount("unified", "cgroup2", "rw,nsdelegate")
    with host.table.open("a") as stream:
        stream.write(END)
    assert hierarchy.hierarchies() == [hierarchy.Hierarchy(f"{host.root}/unified", 2, frozenset())]


def test_controllers(host: Host) -> None:
    host.known("cpu,cpuacct", "name=systemd", "")
    host.mount("cpu", "cgroup", "rw,cpu,cpuacct")
    host.mount("systemd", "cgroup", "ro,name=systemd")
    assert [sorted(found.controllers) for found in hierarchy.hierarchies()] == [
        ["cpu", "cpuacct"],
        ["name=systemd"],
    ]


def test_what_something_is_mounted_over_may_be_there_again(host: Host) -> None:
    host.known("")
    host.mount("old", "cgroup2", "rw", hidden=True)
    host.mount("new", "cgroup2", "rw")
    assert host.found() == ["old", "new"]


def test_a_place_that_is_gone_is_not_the_only_one(host: Host) -> None:
    host.known("")
    host.mount("old", "cgroup2", "rw")
    (host.root / "old").rmdir()
    host.mount("new", "cgroup2", "rw")
    assert host.found() == ["old", "new"]


def test_one_hierarchy_in_two_places_does_not_stand_for_two(host: Host) -> None:
    host.known("cpu", "")
    host.mount("cpu", "cgroup", "rw,cpu")
    host.mount("again", "cgroup", "rw,cpu")
    host.mount("unified", "cgroup2", "rw", hidden=True)
    assert host.found() == ["cpu", "again", "unified"]


def test_what_the_kernel_has_need_not_be_mounted(host: Host) -> None:
    host.known("cpu", "memory", "")
    host.mount("cpu", "cgroup", "rw,cpu")
    assert host.found() == ["cpu"]


def test_a_host_without_hierarchies(host: Host) -> None:
    host.known("")
    assert host.found() == []
    with pytest.raises(NotSupported, match="no control group"):
        hierarchy.version()


def test_those_of_this_host_are_all_found() -> None:
    everything = {mount.mount_point for mount in proc.mounts(kinds=("cgroup", "cgroup2"))}
    assert {found.mount_point for found in hierarchy.hierarchies()} == everything
