"""The witnesses for life and death, on processes and pipes that are really there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from libpod.boot import probe
from libpod.boot.probe import Places, Watched
from libpod.host import files, proc
from libpod.host.proc import ConmonProcess

ID = "c" * 64
OTHER = "d" * 64
NOW = time.time()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("graph", "run", "tmp"):
        (tmp_path / name).mkdir()
    return Places(*(str(tmp_path / name) for name in ("graph", "run", "tmp")))


@pytest.fixture
def conmons(monkeypatch: pytest.MonkeyPatch) -> list[ConmonProcess]:
    """The conmons that run; their command lines are read in tests/host."""
    found: list[ConmonProcess] = []
    monkeypatch.setattr(proc, "conmon_processes", lambda: iter(found))
    return found


def conmon(
    places: Places, *, container: str = ID, session: str = ID, tmp_dir: str | None = None
) -> ConmonProcess:
    bundle = f"{places.graph_root}/overlay-containers/{container}/userdata"
    exits = f"{tmp_dir or places.tmp_dir}/exits"
    return ConmonProcess(os.getpid(), container, session, exits, bundle, ())


def watched(places: Places, *, pid: int = 0, conmon_pid: int = 0, started: float | None = NOW) -> Watched:
    bundle = Path(places.graph_root, "overlay-containers", ID, "userdata")
    bundle.mkdir(parents=True, exist_ok=True)
    return Watched(ID, "web", str(bundle), pid, conmon_pid, started)


def look(places: Places, *containers: Watched, everything: bool = True) -> probe.Sight:
    sight = probe.look(places, containers, system_start=NOW - 1000, sees_everything=everything)
    assert sight is not None
    return sight


class TestConmon:
    def test_of_this_store(self, places: Places, conmons: list[ConmonProcess]) -> None:
        conmons.append(conmon(places))
        (found,) = look(places, watched(places, conmon_pid=os.getpid())).live
        assert found == (os.getpid(), ID, "web", True, None)

    def test_that_the_database_does_not_know(self, places: Places, conmons: list[ConmonProcess]) -> None:
        conmons.append(conmon(places))
        assert [found.recorded for found in look(places).live] == [False]
        assert [found.recorded for found in look(places, watched(places, conmon_pid=1)).live] == [False]

    def test_of_a_store_without_conmon_ids(self, places: Places, conmons: list[ConmonProcess]) -> None:
        """The first libpod does not record them."""
        conmons.append(conmon(places))
        assert [found.recorded for found in look(places, watched(places)).live] == [True]

    def test_of_an_exec_session(self, places: Places, conmons: list[ConmonProcess]) -> None:
        session = conmon(places, session=OTHER)
        conmons.append(session._replace(bundle=f"{session.bundle}/{OTHER}", exit_directory="/elsewhere/exit"))
        (found,) = look(places, watched(places, conmon_pid=1)).live
        assert (found.recorded, found.other_directory) == (True, None)

    def test_of_another_store(self, places: Places, conmons: list[ConmonProcess], tmp_path: Path) -> None:
        others = Places(*(str(tmp_path / f"other-{name}") for name in ("graph", "run", "tmp")))
        for path in others:
            Path(path).mkdir()
        conmons.append(conmon(others))
        assert look(places).live == ()

    def test_through_a_symlink(self, places: Places, conmons: list[ConmonProcess], tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(places.graph_root)
        conmons.append(conmon(places._replace(graph_root=str(tmp_path / "link"))))
        assert len(look(places).live) == 1

    def test_that_uses_another_directory(
        self, places: Places, conmons: list[ConmonProcess], tmp_path: Path
    ) -> None:
        (tmp_path / "second").mkdir()
        conmons.append(conmon(places, tmp_dir=str(tmp_path / "second")))
        assert [found.other_directory for found in look(places).live] == [str(tmp_path / "second")]

    def test_whose_directory_was_cleaned_away(self, places: Places, conmons: list[ConmonProcess]) -> None:
        conmons.append(conmon(places))
        Path(places.tmp_dir).rmdir()
        assert [found.other_directory for found in look(places).live] == [None]

    def test_whose_other_directory_is_gone(self, places: Places, conmons: list[ConmonProcess]) -> None:
        conmons.append(conmon(places, tmp_dir="/gone/libpod"))
        assert [found.other_directory for found in look(places).live] == ["/gone/libpod"]

    def test_of_a_process_that_cannot_be_looked_into(
        self, places: Places, conmons: list[ConmonProcess]
    ) -> None:
        """Its paths are all there is: then the text decides, for a live process of ours."""
        conmons.append(conmon(places)._replace(pid=4_194_304))
        assert [(found.pid, found.other_directory) for found in look(places).live] == [(4_194_304, None)]


class TestRecordedProcess:
    def test_none(self, places: Places, conmons: list[ConmonProcess]) -> None:
        assert look(places, watched(places)) == ((), 0)

    def test_dead(self, places: Places, conmons: list[ConmonProcess]) -> None:
        assert look(places, watched(places, pid=4_194_304)) == ((), 0)

    def test_a_stranger_got_the_number(self, places: Places, conmons: list[ConmonProcess]) -> None:
        """It is in our mount namespace, which no container is."""
        assert look(places, watched(places, pid=os.getpid())) == ((), 0)

    def test_cgroup_bears_the_id(
        self, places: Places, conmons: list[ConmonProcess], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probe, "_cgroups", lambda _pid: f"0::/libpod_parent/libpod-{ID}\n")
        (found,) = look(places, watched(places, pid=os.getpid(), started=None)).live
        assert (found.pid, found.recorded) == (os.getpid(), True)

    def test_zombie(
        self, places: Places, conmons: list[ConmonProcess], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probe, "_cgroups", lambda _pid: ID)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        try:
            assert look(places, watched(places, pid=child)).live == ()
        finally:
            os.waitpid(child, 0)

    @pytest.mark.parametrize(
        ("start", "recorded", "system_start", "possible"),
        [
            (2e9 + 10, 2e9 + 11, 2e9, True),
            (2e9 + 10, 2e9 + 6, 2e9, True),  # within the slack
            (2e9 + 60, 2e9 + 11, 2e9, False),  # the number was used again
            (2e9 + 10, 2e9 - 99, 2e9, False),  # the container ran in an earlier boot
            (2e9 + 10, None, 2e9, True),
            (2e9 + 10, 2e9 - 99, None, True),
            (60.0, 2e9, 2e9, True),  # a clock that was never set proves nothing
            (2e9, 60.0, 2e9, True),
        ],
    )
    def test_times(
        self, start: float, recorded: float | None, system_start: float | None, *, possible: bool
    ) -> None:
        assert probe._could_have_started(start, recorded, system_start) is possible


class TestControlPipe:
    def test_read(self, places: Places, conmons: list[ConmonProcess]) -> None:
        container = watched(places)
        pipe = f"{container.bundle}/ctl"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            (seen,) = look(places, container).live
            (unseen,) = look(places, container, everything=False).live
        finally:
            os.close(reader)
        assert (seen.pid, seen.other_directory) == (None, None)
        assert unseen.other_directory == places.tmp_dir
        assert look(places, container, everything=False) == ((), 0)

    @pytest.mark.parametrize("kind", ["absent", "file", "directory", "symlink"])
    def test_what_is_no_pipe_has_no_conmon(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "ctl"
        if kind == "file":
            path.touch()
        elif kind == "directory":
            path.mkdir()
        elif kind == "symlink":
            path.symlink_to("/dev/null")
        assert files.has_reader(str(path)) is False

    def test_bundle_that_is_not_there_proves_nothing(
        self, places: Places, conmons: list[ConmonProcess]
    ) -> None:
        container = watched(places)._replace(bundle="/nowhere")
        assert look(places, container, everything=False) == ((), 1)
        assert look(places, container) == ((), 0)

    def test_opening_leaves_no_trace(self, tmp_path: Path) -> None:
        path = tmp_path / "ctl"
        os.mkfifo(path)
        before = path.stat()
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        files.has_reader(str(path))
        os.close(reader)
        files.has_reader(str(path))
        assert path.stat() == before


def test_processes_that_cannot_be_seen(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "PROCESS_DIRECTORY", "/nowhere")
    assert probe.look(places, [], system_start=None, sees_everything=True) is None
