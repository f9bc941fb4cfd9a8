"""Files, directories and record locks."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from libpod import failpoints
from libpod.errors import DecodeError, FileError, NotSupported
from libpod.host import files


class StoppedError(Exception):
    """Raised by a fail point."""


def stop_at(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    def hook(name: str) -> None:
        if name == wanted:
            raise StoppedError(name)

    monkeypatch.setattr(failpoints, "hook", hook)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def loose_umask() -> object:
    before = os.umask(0o077)
    yield
    os.umask(before)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 300_000])
def test_read_bytes_gives_the_whole_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert files.read_bytes(str(path)) == path.read_bytes()
    assert files.read_bytes(str(path), limit=size) == path.read_bytes()


def test_read_bytes_refuses_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1001))
    with pytest.raises(FileError) as caught:
        files.read_bytes(str(path), limit=1000)
    assert caught.value.errno == errno.EFBIG
    assert str(path) in caught.value.message
    assert "longer than 1000 bytes" in caught.value.message


def test_a_limit_stops_an_endless_file() -> None:
    with pytest.raises(FileError, match="/dev/zero"):
        files.read_bytes("/dev/zero", limit=1 << 20)


def test_read_bytes_reads_files_that_say_they_are_empty() -> None:
    assert files.read_bytes("/proc/self/stat").startswith(str(os.getpid()).encode())
    assert files.read_bytes("/dev/null") == b""


def test_opening_a_pipe_that_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    assert files.read_bytes(path) == b""


@pytest.mark.parametrize("path", ["/proc/version", "/proc/crypto"])
def test_files_of_the_kernel_are_read_to_their_end(path: str) -> None:
    """The second is longer than a page, and the kernel gives a page at a time."""
    assert files.read_kernel(path) == Path(path).read_bytes()


def test_what_has_ended_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        files.read_kernel("/proc/4194305/stat")


def test_a_pipe_is_read_to_its_end() -> None:
    """As with `--config <(program)` of a shell."""
    reader, writer = os.pipe()

    def write() -> None:
        os.write(writer, b"first ")
        os.write(writer, b"second")
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert files.read_bytes(f"/dev/fd/{reader}") == b"first second"
    finally:
        thread.join()
        os.close(reader)


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda path: None, errno.ENOENT),
        (lambda path: path.mkdir(), errno.EISDIR),
        (lambda path: path.symlink_to(path), errno.ELOOP),
        (lambda path: path.symlink_to("nowhere"), errno.ENOENT),
        (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), errno.ENXIO),
    ],
    ids=["absent", "directory", "loop", "dangling", "socket"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_cannot_be_read_is_named(tmp_path: Path, make: object, number: int) -> None:
    path = tmp_path / "thing"
    assert callable(make)
    make(path)
    with pytest.raises(FileError) as caught:
        files.read_bytes(str(path))
    assert caught.value.errno == number
    assert caught.value.path == str(path)
    assert caught.value.message == f"read {path}: {os.strerror(number)}"


def test_read_text_names_the_byte_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("grün\n".encode())
    assert files.read_text(str(path)) == "grün\n"
    path.write_bytes(b"ok\nno\xff\n")
    with pytest.raises(DecodeError, match="0xff at offset 5") as caught:
        files.read_text(str(path))
    assert caught.value.source == str(path)


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_write_atomic_sets_the_exact_mode(tmp_path: Path, loose_umask: object, mode: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o777)
    files.write_atomic(str(path), b"new", mode=mode)
    assert path.read_bytes() == b"new"
    assert mode_of(path) == mode
    assert os.listdir(tmp_path) == ["file"]


def test_write_atomic_works_in_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files.write_atomic("file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("length", [1, 200, 255])
def test_write_atomic_takes_every_name_that_a_file_can_have(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("ü" * (length // 2) + "x" * (length % 2))
    files.write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("point", ["files.sync", "files.rename"])
def test_a_write_that_stops_leaves_the_old_contents_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    stop_at(monkeypatch, point)
    with pytest.raises(StoppedError):
        files.write_atomic(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_killed_write_leaves_the_old_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    child = os.fork()
    if child == 0:
        failpoints.hook = lambda name: os._exit(7) if name == "files.rename" else None
        files.write_atomic(str(path), b"new")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert path.read_bytes() == b"old"
    files.write_atomic(str(path), b"newer")
    assert path.read_bytes() == b"newer"


def test_points_are_reached_in_the_order_of_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    monkeypatch.setattr(failpoints, "hook", reached.append)
    files.write_atomic(str(tmp_path / "a"), b"")
    assert reached == ["files.sync", "files.rename", "files.sync_directory"]
    reached.clear()
    files.write_atomic(str(tmp_path / "a"), b"", sync=False, sync_dir=False)
    assert reached == ["files.rename"]


def test_a_symlink_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    files.write_atomic(str(link), b"new")
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


@pytest.mark.parametrize("where", ["missing/file", "file/file", "directory"])
def test_what_cannot_be_written_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    with pytest.raises(FileError) as caught:
        files.write_atomic(str(tmp_path / where), b"new")
    assert str(tmp_path / where) in caught.value.message
    assert sorted(os.listdir(tmp_path)) == ["directory", "file"]


def test_a_full_disk_is_reported_and_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileError, match="No space left on device"):
        files.write_atomic(str(tmp_path / "file"), b"new")
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- copying


@pytest.mark.parametrize("way", ["clone", "copy_file_range", "sendfile"])
@pytest.mark.parametrize("size", [0, 5, 200_000])
def test_copy_file_copies_by_whichever_way_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, size: int
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    if way != "clone":
        monkeypatch.setattr(fcntl, "ioctl", refuse)
    if way == "sendfile":
        monkeypatch.setattr(os, "copy_file_range", refuse)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    target.write_bytes(b"old")
    how = files.copy_file(str(source), str(target), mode=0o640)
    assert how in (("reflink", "copy") if way == "clone" else ("copy",))
    assert target.read_bytes() == source.read_bytes()
    assert mode_of(target) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


def test_a_copy_that_breaks_off_is_an_error_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fcntl, "ioctl", full)
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "target").write_bytes(b"old")
    with pytest.raises(FileError, match="No space left"):
        files.copy_file(str(tmp_path / "source"), str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


@pytest.mark.parametrize("source", ["absent", "directory", "pipe"])
def test_only_a_regular_file_is_copied(tmp_path: Path, source: str) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match=str(tmp_path / source)):
        files.copy_file(str(tmp_path / source), str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


# ---------------------------------------------------------------- directories and names


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o751, 0o1777])
def test_make_directory_sets_the_exact_mode_on_all_it_makes(
    tmp_path: Path, loose_umask: object, mode: int
) -> None:
    path = tmp_path / "a" / "b" / "c"
    assert files.make_directory(str(path), mode) is True
    assert [mode_of(part) for part in (path, path.parent, path.parent.parent)] == [mode] * 3
    assert files.make_directory(str(path), 0o755) is False
    assert mode_of(path) == mode


@pytest.mark.parametrize("text", ["a/b/", "a//b", "./a/b"])
def test_make_directory_takes_paths_as_people_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert files.make_directory(text, 0o700) is True
    assert (tmp_path / "a" / "b").is_dir()
    assert files.make_directory(text, 0o700) is False


def test_make_directory_goes_through_a_symlink_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    files.make_directory(str(tmp_path / "link" / "new" / "newer"), 0o700)
    assert (tmp_path / "real" / "new" / "newer").is_dir()


def test_make_directory_beside_somebody_who_makes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent is missing when it is needed, and there when it is looked at."""
    really_make = os.mkdir

    def slowly_make(path: str, mode: int = 0o777) -> None:
        try:
            really_make(path, mode)
        except FileNotFoundError:
            (tmp_path / "parent").mkdir()
            raise

    monkeypatch.setattr(os, "mkdir", slowly_make)
    assert files.make_directory(str(tmp_path / "parent" / "child"), 0o700) is True
    assert (tmp_path / "parent" / "child").is_dir()


@pytest.mark.parametrize("where", ["file", "link", "dangling", "file/below", "dangling/below"])
def test_make_directory_refuses_files_and_symlinks_in_its_place(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileError) as caught:
        files.make_directory(str(tmp_path / where), 0o700)
    assert str(tmp_path / where).startswith(caught.value.path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("path", ["", "/proc/nowhere/below"])
def test_make_directory_gives_up_where_nothing_can_be_made(path: str) -> None:
    with pytest.raises(FileError):
        files.make_directory(path, 0o700)


def test_remove_file_says_whether_there_was_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert files.remove_file(str(path)) is True
    assert files.remove_file(str(path)) is False
    with pytest.raises(FileError, match=f"remove {tmp_path}"):
        files.remove_file(str(tmp_path))


def test_sync_directory_names_what_is_not_one(tmp_path: Path) -> None:
    files.sync_directory(str(tmp_path))
    with pytest.raises(FileError, match="absent"):
        files.sync_directory(str(tmp_path / "absent"))


def test_same_file_knows_one_thing_by_two_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").write_bytes(b"")
    os.link(tmp_path / "file", tmp_path / "hard")
    (tmp_path / "other").mkdir()

    def same(first: str, second: str) -> bool:
        return files.same_file(str(tmp_path / first), str(tmp_path / second))

    assert same("real", "link")
    assert same("real/absent", "link/absent")
    assert same("real", "other/../real/")
    assert same("file", "hard")
    assert not same("real", "other")
    assert not same("absent", "missing")
    assert not same("real", "absent")


# ---------------------------------------------------------------- which boot, which machine


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (b"2f3a1b0c-1d2e-4f5a-8b9c-0d1e2f3a4b5c\n", "2f3a1b0c-1d2e-4f5a-8b9c-0d1e2f3a4b5c"),
        (b"", None),
        (b"not a boot id\n", None),
        (b"\xff\xfe", None),
        (b"x" * 10_000, None),
    ],
)
def test_boot_id_is_an_id_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: bytes, expected: str | None
) -> None:
    path = tmp_path / "boot_id"
    path.write_bytes(contents)
    monkeypatch.setattr(files, "BOOT_ID_FILE", str(path))
    assert files.boot_id() == expected


def test_boot_id_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BOOT_ID_FILE", "/nowhere/boot_id")
    assert files.boot_id() is None


def test_boot_id_and_boot_time_of_this_machine() -> None:
    identifier = files.boot_id()
    assert identifier is not None
    assert len(identifier) == 36
    (line,) = (line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    assert int(line.split()[1]) <= files.boot_time() < int(line.split()[1]) + 1.5


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (b"0123456789abcdef0123456789abcdef\n", "0123456789abcdef0123456789abcdef"),
        (b"uninitialized\n", None),
        (b"", None),
        (b"01234567-89ab-cdef-0123-456789abcdef\n", None),
    ],
)
def test_machine_id_is_set_up_or_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: bytes, expected: str | None
) -> None:
    path = tmp_path / "machine-id"
    path.write_bytes(contents)
    monkeypatch.setattr(files, "MACHINE_ID_FILES", ("/nowhere/machine-id", str(path)))
    assert files.machine_id() == expected


# ---------------------------------------------------------------- record locks


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    path = tmp_path / "lock"
    path.write_bytes(b"")
    return path


class Other:
    """A second process that holds a lock on a file until told to go."""

    def __init__(self, path: Path, kind: str) -> None:
        ready, self._ready = os.pipe()
        self._stop, stop = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            descriptor = os.open(path, os.O_RDWR)
            if kind == "posix":
                fcntl.lockf(descriptor, fcntl.LOCK_EX)
            elif kind == "flock":
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            else:
                files.record_lock(descriptor, exclusive=kind == "exclusive")
            os.write(self._ready, b"x")
            os.close(stop)
            os.read(self._stop, 1)
            os._exit(0)
        os.read(ready, 1)
        for descriptor in (ready, self._ready, self._stop):
            os.close(descriptor)
        self._stop = stop

    def end(self) -> None:
        os.close(self._stop)
        os.waitpid(self.pid, 0)

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()


@pytest.mark.parametrize("kind", ["exclusive", "posix"])
def test_a_lock_of_another_process_excludes_ours_and_is_named(lock_file: Path, kind: str) -> None:
    with open(lock_file, "r+b") as file:
        with Other(lock_file, kind) as other:
            assert files.record_lock(file.fileno(), wait=False) is False
            assert files.record_lock(file.fileno(), exclusive=False, wait=False) is False
            assert files.record_lock_holder(file.fileno()) == other.pid
        assert files.record_lock(file.fileno(), wait=False) is True
        assert files.record_lock_holder(file.fileno()) is None


def test_readers_share_and_exclude_a_writer(lock_file: Path) -> None:
    with open(lock_file, "r+b") as file, Other(lock_file, "shared") as other:
        assert files.record_lock(file.fileno(), wait=False) is False
        assert files.record_lock_holder(file.fileno()) == other.pid
        assert files.record_lock(file.fileno(), exclusive=False, wait=False) is True


def test_two_open_files_of_one_process_exclude_each_other(lock_file: Path) -> None:
    with open(lock_file, "r+b") as first, open(lock_file, "r+b") as second:
        assert files.record_lock(first.fileno()) is True
        assert files.record_lock(second.fileno(), wait=False) is False
        assert files.record_lock_holder(second.fileno()) == os.getpid()
        # The classic kind of lock would be lost here.
        with open(lock_file, "rb"):
            pass
        assert files.record_lock(second.fileno(), wait=False) is False
        files.record_unlock(first.fileno())
        assert files.record_lock(second.fileno(), wait=False) is True


def test_a_lock_is_waited_for(lock_file: Path) -> None:
    with open(lock_file, "r+b") as file:
        other = Other(lock_file, "posix")
        waiter = threading.Thread(target=files.record_lock, args=(file.fileno(),))
        waiter.start()
        other.end()
        waiter.join()
        assert files.record_lock_holder(file.fileno()) is None


def test_flock_is_seen_by_its_own_kind_alone(lock_file: Path) -> None:
    with open(lock_file, "r+b") as file:
        assert files.flock_holder(file.fileno()) is None
        with Other(lock_file, "flock") as other:
            assert files.flock_holder(file.fileno()) == other.pid
            assert files.record_lock_holder(file.fileno()) is None
            assert files.record_lock(file.fileno(), wait=False) is True


def test_flock_holder_without_the_lock_table(lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_TABLE_FILE", "/nowhere/locks")
    with open(lock_file, "r+b") as file:
        assert files.flock_holder(file.fileno()) is None


def test_a_write_lock_needs_a_writable_file(lock_file: Path) -> None:
    with open(lock_file, "rb") as file:
        assert files.record_lock(file.fileno(), exclusive=False, wait=False) is True
        with pytest.raises(FileError, match=f"lock {lock_file}: Bad file descriptor"):
            files.record_lock(file.fileno())


def test_a_file_system_without_locks_is_told(lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> bytes:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with open(lock_file, "r+b") as file:
        for call in (files.record_lock, files.record_unlock, files.record_lock_holder):
            with pytest.raises(NotSupported, match="no record locks"):
                call(file.fileno())
