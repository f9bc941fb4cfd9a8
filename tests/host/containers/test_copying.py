"""`cp` and `export`, with containers that would rather have us write elsewhere."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

STATES = ("running", "created")


def container(room: Room, state: str, *options: str) -> None:
    command = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    room.libpod("create", "--name", "c", *options, IMAGE, *command)
    if state == "running":
        room.libpod("start", "c")


def look(room: Room, path: str) -> Path:
    """The file of container `c` on the host, mounted for the test; `room.libpod("umount", "c")` follows."""
    return Path(room.libpod("mount", "c").words) / path.lstrip("/")


def tree(directory: Path) -> Path:
    """A directory with all that a tree may hold."""
    top = directory / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_text("text\n")
    (top / "file").chmod(0o4755)
    (top / "empty").touch()
    (top / "sub" / "inner").write_text("inner\n")
    os.link(top / "file", top / "second-name")
    (top / "link").symlink_to("file")
    (top / "dangling").symlink_to("/nowhere/at/all")
    os.mkfifo(top / "pipe")
    os.setxattr(top / "file", "user.colour", b"green")
    os.utime(top / "sub", (1_000_000_000, 1_000_000_000))
    return top


def assert_same(copied: Path, original: Path) -> None:
    assert sorted(os.listdir(copied)) == sorted(os.listdir(original))
    assert (copied / "file").read_text() == "text\n"
    assert (copied / "file").stat().st_mode == (original / "file").stat().st_mode
    assert (copied / "file").stat().st_ino == (copied / "second-name").stat().st_ino
    assert os.getxattr(copied / "file", "user.colour") == b"green"
    assert os.readlink(copied / "link") == "file"
    assert os.readlink(copied / "dangling") == "/nowhere/at/all"
    assert (copied / "pipe").is_fifo()
    assert (copied / "sub").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("state", STATES)
def test_a_tree_there_and_back(room: Room, tmp_path: Path, state: str) -> None:
    container(room, state)
    original = tree(tmp_path)
    room.libpod("cp", str(original), "c:/data")
    assert_same(look(room, "/data/tree"), original)
    room.libpod("umount", "c")
    room.libpod("cp", "c:/data/tree", str(tmp_path / "back"))
    assert_same(tmp_path / "back", original)


@pytest.mark.parametrize(
    ("source", "target", "result"),
    [
        ("file", "c:/data", "/data/file"),
        ("file", "c:/data/", "/data/file"),
        ("file", "c:/data/new", "/data/new"),
        ("file", "c:data/new", "/data/new"),
        ("link", "c:/data", "/data/link"),
        ("sub", "c:/data/new", "/data/new/inner"),
        ("sub", "c:/data", "/data/sub/inner"),
        ("sub/.", "c:/data", "/data/inner"),
        ("sub/.", "c:/data/new", "/data/new/inner"),
        ("file", "c:/etc/passwd", "/etc/passwd"),
    ],
)
def test_where_it_goes(room: Room, tmp_path: Path, source: str, target: str, result: str) -> None:
    container(room, "created")
    room.libpod("cp", f"{tree(tmp_path)}/{source}", target)
    found = look(room, result)
    assert found.read_text() in ("text\n", "inner\n")
    assert not found.is_symlink()
    room.libpod("umount", "c")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none", "c:/data", "No such file"),
        ("file", "c:/none/file", "No such file"),
        ("file", "c:/none/", "no such directory"),
        ("sub", "c:/etc/passwd", "cannot replace it"),
        ("c:/none", "back", "No such file"),
        ("file", "back", "needs a container"),
        ("file", "nobody:/data", "no such container"),
        ("-", "c:/etc/passwd", "no directory"),
        ("-", "c:/data", "no tar"),
        ("file", "c:", "no path"),
    ],
)
def test_what_cannot_be_copied(room: Room, tmp_path: Path, source: str, target: str, message: str) -> None:
    container(room, "created")
    top = tree(tmp_path)
    arguments = [text if ":" in text or text == "-" else str(top / text) for text in (source, target)]
    assert message in room.refused("cp", *arguments)
    assert not (top / "back").exists()


def test_a_file_and_a_directory_replace_each_other_only_when_asked(room: Room, tmp_path: Path) -> None:
    container(room, "created")
    (tmp_path / "home").write_text("a file\n")
    assert "cannot replace a directory" in room.refused("cp", str(tmp_path / "home"), "c:/")
    room.libpod("cp", "--overwrite", str(tmp_path / "home"), "c:/")
    assert look(room, "/home").read_text() == "a file\n"
    room.libpod("umount", "c")


@pytest.mark.parametrize("state", STATES)
def test_no_link_leads_out_of_the_container(room: Room, tmp_path: Path, state: str) -> None:
    secret, victim = tmp_path / "secret", tmp_path / "victim"
    secret.write_text("of the host\n")
    victim.mkdir()
    container(room, "running")
    links = (
        f"ln -s {victim} /abs; ln -s ../../../../../../..{victim} /rel; ln -s {secret} /stolen; mkdir /real"
    )
    room.libpod("exec", "c", "sh", "-c", links)
    if state == "created":
        room.libpod("stop", "c")
    (tmp_path / "payload").write_text("payload\n")
    for target in ("/abs/x", "/rel/x", "/abs/", "/stolen"):
        room.libpod("cp", str(tmp_path / "payload"), f"c:{target}", status=None)
    assert list(victim.iterdir()) == []
    assert secret.read_text() == "of the host\n"
    assert room.libpod("cp", "c:/stolen", str(tmp_path / "got"), status=None).status in (0, 125)
    assert not (tmp_path / "got").exists() or (tmp_path / "got").read_text() == "payload\n"
    # A directory inside the container is found by the same links.
    room.libpod("start", "c")
    room.libpod("exec", "c", "sh", "-c", "ln -s /real /good")
    room.libpod("cp", str(tmp_path / "payload"), "c:/good/")
    assert room.libpod("exec", "c", "cat", "/real/payload").stdout == "payload\n"


def hostile_tar(*members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, link in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            archive.addfile(entry, io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        (("../escaped", tarfile.REGTYPE, ""),),
        (("a/../../escaped", tarfile.REGTYPE, ""),),
        (("out", tarfile.SYMTYPE, "{outside}"), ("out/escaped", tarfile.REGTYPE, "")),
        (("hard", tarfile.LNKTYPE, "../../../../../../../../..{outside}/kept"),),
        (("hard", tarfile.LNKTYPE, "{outside}/kept"),),
        (("{outside}/escaped", tarfile.REGTYPE, ""),),
    ],
)
def test_a_tar_that_wants_out(
    room: Room, tmp_path: Path, members: tuple[tuple[str, bytes, str], ...]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept\n")
    container(room, "created")
    told = [
        (name.format(outside=outside), kind, link.format(outside=outside)) for name, kind, link in members
    ]
    command = room.command("cp", "-", "c:/data")
    subprocess.run(command, env=room.environment, input=hostile_tar(*told), capture_output=True, timeout=120)
    assert [entry.name for entry in outside.iterdir()] == ["kept"]
    assert (outside / "kept").stat().st_nlink == 1


def pax_tar(**headers: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("x")
        entry.pax_headers = headers
        archive.addfile(entry)
    return out.getvalue()


def two_files() -> bytes:
    return hostile_tar(("first", tarfile.REGTYPE, ""), ("second", tarfile.REGTYPE, ""))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pax_tar(mtime="1e30"), "cannot be made: 'x'"),
        (pax_tar(mtime="nan"), "cannot be made: 'x'"),
        (pax_tar(path="a\0b"), "cannot be made: 'a\\x00b'"),
        (pax_tar(path="a\0b/c"), "cannot be made: 'a\\x00b/c'"),
        (pax_tar(**{"SCHILY.xattr.user.a\0b": "value"}), "cannot be made: 'x'"),
        (hostile_tar(("x", tarfile.LNKTYPE, "")), "hard link to no file: x"),
        (hostile_tar(("x", tarfile.LNKTYPE, ".")), "hard link to no file: x"),
        (two_files()[:700], "damaged after 'first'"),
        (two_files()[:512] + b"no head of a member\n" * 100, "damaged after 'first'"),
    ],
)
def test_a_tar_that_cannot_be_unpacked_is_told(room: Room, data: bytes, said: str) -> None:
    container(room, "created")
    command = room.command("cp", "-", "c:/data")
    done = subprocess.run(command, env=room.environment, input=data, capture_output=True, timeout=120)
    assert done.returncode == 125
    assert said in done.stderr.decode()
    assert "unexpected" not in done.stderr.decode()


def test_tars_on_the_streams(room: Room, tmp_path: Path) -> None:
    container(room, "created")
    original = tree(tmp_path)
    room.libpod("cp", str(original), "c:/data")
    done = subprocess.run(
        room.command("cp", "c:/data/tree", "-"), env=room.environment, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert "tree/sub/inner" in archive.getnames()
    subprocess.run(
        room.command("cp", "-", "c:/tmp"), env=room.environment, input=done.stdout, check=True, timeout=120
    )
    assert_same(look(room, "/tmp/tree"), original)
    room.libpod("umount", "c")


def test_owners(room: Room, tmp_path: Path) -> None:
    container(room, "created", "--user", "worker")
    (tmp_path / "file").write_text("")
    os.chown(tmp_path / "file", 7, 8)
    room.libpod("cp", str(tmp_path / "file"), "c:/data/ours")
    room.libpod("cp", "--archive=false", str(tmp_path / "file"), "c:/data/kept")
    owners = {name: (look(room, f"/data/{name}").stat().st_uid) for name in ("ours", "kept")}
    assert owners == {"ours": 1000, "kept": 7}
    room.libpod("umount", "--force", "c")
    room.libpod("cp", "c:/data/ours", str(tmp_path / "back"))
    assert (tmp_path / "back").stat().st_uid == os.getuid()


@pytest.mark.parametrize("state", STATES)
def test_what_is_mounted_into_a_container(room: Room, tmp_path: Path, state: str) -> None:
    (tmp_path / "bound").mkdir()
    (tmp_path / "file").write_text("text\n")
    container(room, state, "-v", f"{tmp_path}/bound:/data/bound")
    room.libpod("cp", str(tmp_path / "file"), "c:/data/bound/")
    assert (tmp_path / "bound" / "file").read_text() == "text\n"
    room.libpod("cp", "c:/data/bound/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "text\n"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "path", ["/link/file", "/data/../bound/file", "/./bound/file", "/bound/back/file", "bound/file"]
)
def test_ways_that_lead_into_what_is_mounted(room: Room, tmp_path: Path, state: str, path: str) -> None:
    """Whatever leads there, and whether it runs or not: nothing is put below what will be mounted."""
    (tmp_path / "bound").mkdir()
    (tmp_path / "bound" / "back").symlink_to("/link")
    (tmp_path / "file").write_text("text\n")
    container(room, state, "-v", f"{tmp_path}/bound:/bound")
    (look(room, "/") / "link").symlink_to("/bound")
    room.libpod("umount", "c")
    room.libpod("cp", str(tmp_path / "file"), f"c:{path}")
    assert (tmp_path / "bound" / "file").read_text() == "text\n"
    room.libpod("cp", f"c:{path}", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == "text\n"


@pytest.mark.parametrize("state", STATES)
def test_a_single_file_that_is_mounted(room: Room, tmp_path: Path, state: str) -> None:
    (tmp_path / "settings").write_text("of the host\n")
    (tmp_path / "out").mkdir()
    container(room, state, "-v", f"{tmp_path}/settings:/etc/one")
    room.libpod("cp", "c:/etc/one", str(tmp_path / "out"))
    assert (tmp_path / "out" / "one").read_text() == "of the host\n"


@pytest.mark.parametrize("state", STATES)
def test_relative_paths_begin_in_the_working_directory(room: Room, tmp_path: Path, state: str) -> None:
    (tmp_path / "file").write_text("text\n")
    container(room, state, "--workdir", "/data")
    room.libpod("cp", str(tmp_path / "file"), "c:file")
    assert look(room, "/data/file").read_text() == "text\n"
    room.libpod("umount", "c")
    room.libpod("cp", "c:.", str(tmp_path / "back"))
    assert (tmp_path / "back" / "file").read_text() == "text\n"


@pytest.mark.parametrize("state", STATES)
def test_the_whole_root_comes_without_what_the_kernel_has_in_it(
    room: Room, tmp_path: Path, state: str
) -> None:
    container(room, state)
    room.libpod("cp", "c:/", str(tmp_path / "back"))
    found = set(os.listdir(tmp_path / "back"))
    assert {"bin", "etc"} <= found
    assert not found & {"dev", "proc", "sys"}


@pytest.mark.parametrize("state", STATES)
def test_links_in_circles(room: Room, tmp_path: Path, state: str) -> None:
    container(room, state)
    (look(room, "/") / "circle").symlink_to("circle")
    room.libpod("umount", "c")
    room.refused("cp", "c:/circle/file", str(tmp_path))


def test_between_two_containers(room: Room) -> None:
    container(room, "running")
    room.sleep("d")
    room.libpod("exec", "c", "sh", "-c", "mkdir /data/x; echo text > /data/x/y")
    room.libpod("cp", "c:/data/x", "d:/data/z")
    assert room.libpod("exec", "d", "cat", "/data/z/y").stdout == "text\n"


@pytest.mark.parametrize("state", STATES)
def test_export(room: Room, tmp_path: Path, state: str) -> None:
    container(room, state)
    (tmp_path / "file").write_text("text\n")
    room.libpod("cp", str(tmp_path / "file"), "c:/data")
    room.libpod("export", "-o", str(tmp_path / "root.tar"), "c")
    piped = subprocess.run(room.command("export", "c"), env=room.environment, capture_output=True, check=True)
    for source in (io.BytesIO((tmp_path / "root.tar").read_bytes()), io.BytesIO(piped.stdout)):
        with tarfile.open(fileobj=source) as archive:
            assert archive.extractfile("data/file").read() == b"text\n"  # type: ignore[union-attr]
            assert archive.getmember("bin/sh").issym()
            assert archive.getmember("home/worker").uid == 1000
    assert "no such container" in room.refused("export", "nobody")


def test_a_device_is_written_to_and_never_replaced(room: Room, tmp_path: Path) -> None:
    device = tmp_path / "null"
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    container(room, "created")
    room.libpod("export", "-o", str(device), "c")
    room.refused("export", "-o", str(device), "nobody")
    room.libpod("save", "-q", "-o", str(device), "bb")
    room.libpod("commit", "-q", "--iidfile", str(device), "c")
    assert stat.S_ISCHR(device.stat().st_mode)
    room.libpod("rmi", "-f", room.libpod("images", "-q", "--filter", "dangling=true").words)


def test_export_to_a_full_disk_leaves_no_file(room: Room, tmp_path: Path) -> None:
    container(room, "created")
    (tmp_path / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", tmp_path / "small"], check=True)
    try:
        message = room.refused("export", "-o", str(tmp_path / "small" / "root.tar"), "c")
        assert "No space left" in message
        assert list((tmp_path / "small").iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path / "small"], check=True)


def test_copy_to_a_full_disk_says_what_is_full(room: Room, tmp_path: Path) -> None:
    room.libpod("run", "--name", "c", IMAGE, "sh", "-c", "head -c 8000000 /dev/zero > /data/large")
    (tmp_path / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", tmp_path / "small"], check=True)
    try:
        message = room.libpod("cp", "c:/data/large", str(tmp_path / "small"), status=125).stderr
        assert "No space left" in message
    finally:
        subprocess.run(["umount", tmp_path / "small"], check=True)
