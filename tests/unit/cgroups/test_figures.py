"""What is read from the files of both versions, here on trees of ordinary files."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from libpod import cgroups
from libpod.cgroups import figures
from libpod.cgroups.figures import Figures
from libpod.cgroups.hierarchy import Hierarchy
from libpod.errors import FileError, InvalidArgument, NotSupported

GROUP = "/a/b"
V1 = {
    "cpu,cpuacct/cpuacct.usage": "3000000007\n",
    "cpu,cpuacct/cpuacct.stat": "user 200\nsystem 100\n",
    "memory/memory.usage_in_bytes": "4096\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/memory.stat": "cache 5\ninactive_file 9\ntotal_inactive_file 1024\n",
    "pids/pids.current": "3\n",
    "pids/pids.max": "max\n",
    "blkio/blkio.throttle.io_service_bytes": (
        "8:0 Read 100\n8:0 Write 20\n8:0 Total 120\n8:16 Read 1\n8:16 Write 2\nTotal 123\n"
    ),
}
V2 = {
    "cpu.stat": "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 0\n",
    "memory.current": "8192\n",
    "memory.max": "max\n",
    "memory.stat": "anon 1\ninactive_file 2048\n",
    "pids.current": "7\n",
    "pids.max": "100\n",
    "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=1\n259:0 rbytes=1 wbytes=2\n",
}
CONTROLLERS = {"cpu,cpuacct": {"cpu", "cpuacct"}, "memory": {"memory"}, "pids": {"pids"}, "blkio": {"blkio"}}


def version_1(root: Path, files: dict[str, str]) -> list[Hierarchy]:
    for name, text in files.items():
        hierarchy, _, file = name.partition("/")
        write(root / hierarchy / "a/b" / file, text)
    return [Hierarchy(str(root / name), 1, frozenset(found)) for name, found in CONTROLLERS.items()]


def version_2(root: Path, files: dict[str, str]) -> Hierarchy:
    for name, text in files.items():
        write(root / "unified/a/b" / name, text)
    return Hierarchy(str(root / "unified"), 2, frozenset())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(monkeypatch: pytest.MonkeyPatch, hierarchies: list[Hierarchy], group: str = GROUP) -> Figures:
    monkeypatch.setattr(figures, "hierarchies", lambda: hierarchies)
    monkeypatch.setattr(figures, "_TICKS", 100)
    return cgroups.open_manager("cgroupfs").figures(group)


def test_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, version_1(tmp_path, V1)) == Figures(
        cpu=3_000_000_007, cpu_user=2_000_000_000, cpu_system=1_000_000_000,
        memory=4096, memory_inactive=1024, memory_limit=0, pids=3, pids_limit=0,
        block_read=101, block_written=22,
    )  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_a_brief_reading_has_what_stats_shows(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = version_1(tmp_path, V1) if version == 1 else [version_2(tmp_path, V2)]
    whole = read(monkeypatch, mounted)
    brief = cgroups.open_manager("cgroupfs").figures(GROUP, figures.Reader(mounted, brief=True))
    shown = ("cpu", "memory", "memory_limit", "pids", "block_read", "block_written")
    assert [getattr(brief, name) for name in shown] == [getattr(whole, name) for name in shown]
    assert brief.memory_inactive == brief.pids_limit == 0


def test_what_groups_below_transferred_is_counted_where_the_kernel_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recursive = {"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 500\n8:0 Write 600\n"}
    found = read(monkeypatch, version_1(tmp_path, {**V1, **recursive}))
    assert (found.block_read, found.block_written) == (500, 600)


def test_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, [version_2(tmp_path, V2)]) == Figures(
        cpu=3_000_000, cpu_user=2_000_000, cpu_system=1_000_000,
        memory=8192, memory_inactive=2048, memory_limit=0, pids=7, pids_limit=100,
        block_read=11, block_written=22,
    )  # fmt: skip


def test_side_by_side_version_1_counts_and_2_fills_the_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pids = {name: text for name, text in V1.items() if not name.startswith("pids/")}
    both = [version_2(tmp_path, V2), *version_1(tmp_path, without_pids)]
    found = read(monkeypatch, both)
    assert (found.memory, found.cpu, found.pids) == (4096, 3_000_000_007, 7)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cgroup.procs": ""}, Figures()),
        ({"memory.max": "65536\n"}, Figures(memory_limit=65536)),
        ({"io.stat": ""}, Figures()),
        ({"cpu.stat": "usage_usec 5\n"}, Figures(cpu=5000)),
    ],
)
def test_controllers_that_are_not_switched_on(
    files: dict[str, str], expected: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, [version_2(tmp_path, files)]) == expected


def test_a_group_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="no such control group") as caught:
        read(monkeypatch, [version_2(tmp_path, V2)], "/a/c")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("group", ["", "/", "/a/../..", "a//b"])
def test_what_is_no_group(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="not a control group"):
        read(monkeypatch, [], group)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"unified/a/b/memory.events": "low 0\noom 4\noom_kill 3\noom_group_kill 0\n"}, 3),
        ({"unified/a/b/memory.events": "low 0\noom 0\n"}, 0),
        ({"memory/a/b/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"}, 2),
        ({}, 0),
    ],
)
def test_kills_for_memory(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    places = [
        Hierarchy(str(tmp_path / "pids"), 1, frozenset(("pids",))),
        Hierarchy(str(tmp_path / "memory"), 1, frozenset(("memory",))),
        Hierarchy(str(tmp_path / "unified"), 2, frozenset()),
    ]
    monkeypatch.setattr(figures, "hierarchies", lambda: places)
    assert figures.out_of_memory_kills(GROUP) == expected


def test_disabled_groups_count_nothing() -> None:
    with pytest.raises(NotSupported, match="nothing is counted"):
        cgroups.open_manager("disabled").figures("/a")


def test_where_a_pod_is() -> None:
    pod = "d" * 64
    assert cgroups.open_manager("cgroupfs").pod_group("/p", pod) == f"/p/{pod}"
    slice_of_pod = f"/machine.slice/machine-libpod_pod_{pod}.slice"
    assert cgroups.open_manager("systemd").pod_group("", pod) == slice_of_pod
    assert cgroups.open_manager("disabled").pod_group("", pod) == ""
