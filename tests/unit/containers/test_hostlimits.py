"""Limits held against the control groups of the host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from libpod.cgroups import hierarchy
from libpod.containers import hostlimits
from libpod.errors import NotSupported
from libpod.oci.options import Resources

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.cgroups.hierarchy import Hierarchy


def _engine(monkeypatch: pytest.MonkeyPatch, *mounted: Hierarchy) -> tuple[Any, list[str]]:
    monkeypatch.setattr(hierarchy, "hierarchies", lambda: list(mounted))
    said: list[str] = []
    return SimpleNamespace(warn=said.append), said


def test_what_the_kernel_has_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.swappiness").touch()
    memory = hierarchy.Hierarchy(str(tmp_path), 1, frozenset(["memory"]))
    blocks = hierarchy.Hierarchy(str(tmp_path), 1, frozenset(["blkio"]))
    engine, said = _engine(monkeypatch, memory, blocks)
    asked = Resources(memory=1, memory_swappiness=0, blkio_weight=100, oom_kill_disable=True)
    assert hostlimits.kept(engine, asked) == Resources(memory=1, memory_swappiness=0)
    assert said == [
        "--oom-kill-disable is left out: the kernel has no memory.oom_control for it",
        "--blkio-weight is left out: the kernel has no blkio.weight for it",
    ]


@pytest.mark.parametrize(
    ("asked", "flag"),
    [
        (Resources(memory_swappiness=5), "--memory-swappiness"),
        (Resources(oom_kill_disable=True), "--oom-kill-disable"),
        (Resources(cpu_rt_runtime=5), "--cpu-rt-runtime"),
    ],
)
def test_what_only_version_1_has(monkeypatch: pytest.MonkeyPatch, asked: Resources, flag: str) -> None:
    engine, _said = _engine(monkeypatch, hierarchy.Hierarchy("/cgroup", 2, frozenset()))
    with pytest.raises(NotSupported, match=f"{flag} needs cgroups version 1"):
        hostlimits.kept(engine, asked)


def test_files_and_weights_of_version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    second = hierarchy.Hierarchy("/cgroup", 2, frozenset())
    asked = Resources(cgroup_files={"memory.high": "1G"}, blkio_weight=100)
    engine, said = _engine(monkeypatch, second)
    assert hostlimits.kept(engine, asked) == asked
    assert said == []
    engine, _said = _engine(monkeypatch, second, hierarchy.Hierarchy("/memory", 1, frozenset(["memory"])))
    with pytest.raises(NotSupported, match="--cgroup-conf needs cgroups version 2"):
        hostlimits.kept(engine, asked)
