"""What control groups are called, by each manager, and which parents it takes."""

from __future__ import annotations

import pytest

from libpod import cgroups
from libpod.cgroups.hierarchy import check_path
from libpod.cgroups.systemd import slice_path
from libpod.errors import InvalidArgument

CONTAINER = "c" * 64
POD = "d" * 64


@pytest.mark.parametrize("name", cgroups.MANAGERS)
def test_each_manager_is_opened_by_its_name(name: str) -> None:
    assert cgroups.open_manager(name).name == name


@pytest.mark.parametrize("name", ["", "Systemd", "cgroup", "none"])
def test_an_unknown_manager_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown cgroup_manager") as caught:
        cgroups.open_manager(name)
    assert caught.value.hint is not None
    assert "cgroupfs, systemd, disabled" in caught.value.hint


@pytest.mark.parametrize(
    ("manager", "uid", "parent"),
    [
        ("cgroupfs", 0, "/libpod_parent"),
        ("systemd", 0, "machine.slice"),
        ("systemd", 1000, "user.slice"),
        ("disabled", 0, ""),
    ],
)
def test_default_parents(manager: str, uid: int, parent: str) -> None:
    opened = cgroups.open_manager(manager, uid=uid)
    assert opened.default_parent == parent
    assert opened.pod_cgroup("", POD) == opened.pod_cgroup(parent, POD)
    assert opened.container_cgroup("", CONTAINER) == opened.container_cgroup(parent, CONTAINER)


@pytest.mark.parametrize(
    ("manager", "parent", "pod", "configured", "group"),
    [
        (
            "cgroupfs",
            "/libpod_parent",
            f"/libpod_parent/{POD}",
            f"/libpod_parent/libpod-{CONTAINER}",
            f"/libpod_parent/libpod-{CONTAINER}",
        ),
        ("cgroupfs", "/a/b/", f"/a/b/{POD}", f"/a/b/libpod-{CONTAINER}", f"/a/b/libpod-{CONTAINER}"),
        ("cgroupfs", "a", f"a/{POD}", f"a/libpod-{CONTAINER}", f"a/libpod-{CONTAINER}"),
        (
            "systemd",
            "machine.slice",
            f"machine.slice/machine-libpod_pod_{POD}.slice",
            f"machine.slice:libpod:{CONTAINER}",
            f"/machine.slice/libpod-{CONTAINER}.scope",
        ),
        (
            "systemd",
            f"machine.slice/machine-libpod_pod_{POD}.slice",
            f"machine.slice/machine-libpod_pod_{POD}.slice/machine-libpod_pod_{POD}-libpod_pod_{POD}.slice",
            f"machine-libpod_pod_{POD}.slice:libpod:{CONTAINER}",
            f"/machine.slice/machine-libpod_pod_{POD}.slice/libpod-{CONTAINER}.scope",
        ),
        ("disabled", "/libpod_parent", "", "", ""),
    ],
)
def test_names_are_those_of_podman(manager: str, parent: str, pod: str, configured: str, group: str) -> None:
    opened = cgroups.open_manager(manager)
    assert opened.pod_cgroup(parent, POD) == pod
    assert opened.container_path(parent, CONTAINER) == configured
    assert opened.container_cgroup(parent, CONTAINER) == group


@pytest.mark.parametrize(
    ("manager", "parent"),
    [
        ("cgroupfs", "/libpod_parent"),
        ("cgroupfs", "libpod_parent"),
        ("cgroupfs", "/slice"),
        ("systemd", "machine.slice"),
        ("systemd", "user.slice/user-1000.slice"),
        ("systemd", "a.slice"),
        ("disabled", "machine.slice"),
        ("disabled", "/libpod_parent"),
    ],
)
def test_parents_of_the_right_kind(manager: str, parent: str) -> None:
    cgroups.open_manager(manager).check_parent(parent)


@pytest.mark.parametrize(
    ("manager", "parent", "words"),
    [
        ("cgroupfs", "machine.slice", "is a systemd slice"),
        ("cgroupfs", "/a/machine.slice", "is a systemd slice"),
        ("cgroupfs", "/", "not a control group"),
        ("cgroupfs", "/a/../..", "not a control group"),
        ("cgroupfs", "/a//b", "not a control group"),
        ("cgroupfs", "/a\0b", "not a control group"),
        ("systemd", "/libpod_parent", "is not a systemd slice"),
        ("systemd", ".slice", "is not a systemd slice"),
        ("systemd", "machine.slice/", "is not a systemd slice"),
        ("systemd", "machine.scope", "is not a systemd slice"),
    ],
)
def test_parents_of_the_wrong_kind(manager: str, parent: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        cgroups.open_manager(manager).check_parent(parent)


def test_an_id_cannot_lead_out_of_the_parent() -> None:
    opened = cgroups.open_manager("cgroupfs")
    with pytest.raises(InvalidArgument, match="not a control group"):
        opened.pod_cgroup("/libpod_parent", "../../system.slice")


def test_the_disabled_manager_does_nothing() -> None:
    opened = cgroups.open_manager("disabled")
    assert opened.create_pod("/x", POD) == ""
    assert opened.place_conmon("/x", CONTAINER, 1) == ""
    opened.remove_pod("/x", POD)
    opened.remove_container("/x", CONTAINER)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("machine.slice", "/machine.slice"),
        ("user-1000.slice", "/user.slice/user-1000.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("-.slice", ""),
    ],
)
def test_dashes_tell_the_slices_above(name: str, path: str) -> None:
    assert slice_path(name) == path


@pytest.mark.parametrize("path", ["/a", "a", "/a/b-c/d.e"])
def test_paths_below_a_hierarchy(path: str) -> None:
    check_path(path)
