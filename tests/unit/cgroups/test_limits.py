"""Limits of a pod's control group, as files and as properties of a unit."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from libpod.cgroups import hierarchy, limits
from libpod.cgroups.hierarchy import Cgroup, Hierarchy
from libpod.errors import FileError, InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

RESOURCES: dict[str, object] = {
    "memory": {"limit": 1 << 26, "swap": 3 << 25},
    "cpu": {"shares": 300, "quota": 50000, "period": 100000, "cpus": "0-1", "mems": "0"},
}
VERSION_1 = {
    "memory/p/memory.limit_in_bytes": "67108864",
    "memory/p/memory.memsw.limit_in_bytes": "100663296",
    "cpu/p/cpu.shares": "300",
    "cpu/p/cpu.cfs_period_us": "100000",
    "cpu/p/cpu.cfs_quota_us": "50000",
    "cpuset/p/cpuset.cpus": "0-1",
    "cpuset/p/cpuset.mems": "0",
}
VERSION_2 = {
    "unified/a/p/memory.max": "67108864",
    "unified/a/p/memory.swap.max": "33554432",
    "unified/a/p/cpu.weight": "12",
    "unified/a/p/cpu.max": "50000 100000",
    "unified/a/p/cpuset.cpus": "0-1",
    "unified/a/p/cpuset.mems": "0",
}


def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> list[tuple[str, str]]:
    """Hierarchies of this version, and what is written to them."""
    found = [
        Hierarchy(str(tmp_path / name), 1, frozenset((name,))) for name in ("memory", "cpu", "cpuset", "pids")
    ]
    if version == 2:
        (tmp_path / "unified").mkdir()
        (tmp_path / "unified/cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        found = [Hierarchy(str(tmp_path / "unified"), 2, frozenset())]
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(hierarchy, "hierarchies", lambda: found)
    monkeypatch.setattr(
        hierarchy, "write", lambda path, text: written.append((path.removeprefix(f"{tmp_path}/"), text))
    )
    return written


def test_files_of_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = mounted(tmp_path, monkeypatch, 1)
    limits.apply(Cgroup("/p"), RESOURCES)
    assert dict(written) == VERSION_1
    written.clear()
    limits.apply(Cgroup("/p"), RESOURCES, directly=limits.NOT_OF_SYSTEMD)
    assert [path.rpartition("/")[2] for path, _ in written] == [
        "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpuset.cpus", "cpuset.mems"
    ]  # fmt: skip


def test_files_of_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = mounted(tmp_path, monkeypatch, 2)
    limits.apply(Cgroup("/a/p"), RESOURCES)
    switches = [entry for entry in written if entry[0].endswith("subtree_control")]
    assert switches == [
        (f"unified{path}/cgroup.subtree_control", f"+{name}")
        for path in ("", "/a")
        for name in ("cpu", "cpuset", "memory")
    ]
    assert dict(entry for entry in written if entry not in switches) == VERSION_2


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, []),
        ({"memory": None, "cpu": []}, []),
        ({"memory": {"limit": "many"}, "cpu": {"cpus": ""}}, ["memory.limit_in_bytes"]),
        ({"memory": {"limit": 5, "swap": -1}}, ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]),
        ({"pids": {"limit": 5}}, []),
    ],
)
def test_what_is_there_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resources: dict[str, object], expected: list[str]
) -> None:
    written = mounted(tmp_path, monkeypatch, 1)
    limits.apply(Cgroup("/p"), resources)
    assert [path.rpartition("/")[2] for path, _ in written] == expected


BLOCKS: dict[str, object] = {
    "blockIO": {
        "weight": 500,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 16, "rate": 5}],
    }
}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            1,
            [
                ("weight", "500"),
                ("weight_device", "8:0 10"),
                ("read_bps", "8:0 1024"),
                ("write_bps", "8:16 5"),
            ],
        ),
        (
            2,
            [
                ("weight", "default 4950"),
                ("weight", "8:0 1"),
                ("max", "8:0 rbps=1024"),
                ("max", "8:16 wbps=5"),
            ],
        ),
    ],
)
def test_block_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, expected: list[tuple[str, str]]
) -> None:
    written = mounted(tmp_path, monkeypatch, version)
    if version == 1:
        monkeypatch.setattr(
            hierarchy, "hierarchies", lambda: [Hierarchy(str(tmp_path / "blkio"), 1, frozenset(("blkio",)))]
        )
    limits.apply(Cgroup("/p"), BLOCKS)
    found = [entry for entry in written if not entry[0].endswith("subtree_control")]
    assert [text for _path, text in found] == [text for _word, text in expected]
    assert all(word in path for (word, _), (path, _text) in zip(expected, found, strict=True))
    assert limits.properties(BLOCKS, version) == {}


def test_a_refusal_names_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(tmp_path, monkeypatch, 1)
    (tmp_path / "cpuset").mkdir()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")

    def refuse(path: str, text: str) -> None:
        if path.endswith(missing):
            raise FileError(f"write {text!r} to", path, OSError(number, "no"))

    monkeypatch.setattr(hierarchy, "write", refuse)
    missing, number = "cpuset.cpus", errno.ERANGE
    with pytest.raises(
        InvalidArgument, match="--cpuset-cpus 0-1: the kernel refuses it: Numerical"
    ) as caught:
        limits.apply(Cgroup("/p"), RESOURCES)
    assert caught.value.hint == "this host has 0-1"
    missing, number = "memory.memsw.limit_in_bytes", errno.ENOENT
    with pytest.raises(InvalidArgument, match="--memory-swap 100663296"):
        limits.apply(Cgroup("/p"), RESOURCES)
    # Nobody has asked for that one, and the kernel need not count swap.
    limits.apply(Cgroup("/p"), {"memory": {"limit": 5, "swap": 10}})


def test_properties() -> None:
    assert limits.properties(RESOURCES, 2) == {
        b"MemoryMax": 1 << 26,
        b"MemorySwapMax": 1 << 25,
        b"CPUWeight": 12,
        b"CPUQuotaPerSecUSec": 500_000,
        b"AllowedCPUs": b"\x03",
        b"AllowedMemoryNodes": b"\x01",
    }
    assert limits.properties(RESOURCES, 1) == {
        b"MemoryMax": 1 << 26,
        b"CPUShares": 300,
        b"CPUQuotaPerSecUSec": 500_000,
    }
    unlimited = {"memory": {"limit": -1, "swap": -1}}
    assert limits.properties(unlimited, 2) == {b"MemoryMax": (1 << 64) - 1, b"MemorySwapMax": (1 << 64) - 1}
    assert limits.properties({"cpu": {"cpus": "9,1-2"}}, 2) == {b"AllowedCPUs": b"\x06\x02"}
    for text in ("x", "1-", "-1", "1-x"):
        with pytest.raises(InvalidArgument, match="--cpuset-cpus"):
            limits.properties({"cpu": {"cpus": text}}, 2)


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (0, 1), (1024, 39), (262144, 10000)])
def test_weights(shares: int, weight: int) -> None:
    assert limits.weight(shares) == weight
