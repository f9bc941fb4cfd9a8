"""Images in files, made of tars and of containers; and other programs that read what we write."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import subprocess
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.images.room import ImageRoom

FORMATS = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")
TRANSPORTS = {"oci-dir": "oci", "docker-dir": "dir"}


def tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


# ---------------------------------------------------------------- save and load


@pytest.mark.parametrize("form", FORMATS)
def test_save_and_load(room: ImageRoom, tmp_path: Path, form: str) -> None:
    identifier = room.image_id("bb")
    target = tmp_path / "saved: with colon"
    room.libpod("save", "-q", "-o", str(target), "--format", form, "bb")
    plain = tmp_path / "saved"
    target.rename(plain)
    inspected = subprocess.run(
        ["skopeo", "inspect", "--config", f"{TRANSPORTS.get(form, form)}:{plain}"],
        capture_output=True,
        check=True,
    )
    assert json.loads(inspected.stdout)["config"]["Labels"]["kept"] == "yes"
    room.libpod("rmi", "bb")
    loaded = room.libpod("load", "-q", "-i", str(plain))
    name = {"oci-dir": "localhost/bb:latest", "docker-dir": f"sha256:{identifier}"}.get(
        form, "localhost/bb:latest"
    )
    assert loaded.words == f"Loaded image: {name}"
    assert room.say(image=identifier, command=("echo", "loaded")) == "loaded\n"


def test_umoci_unpacks_what_we_save(room: ImageRoom, tmp_path: Path) -> None:
    room.libpod("push", "-q", "bb", f"oci:{tmp_path}/layout:tag")
    subprocess.run(["umoci", "unpack", "--image", tmp_path / "layout:tag", tmp_path / "bundle"], check=True,
                   capture_output=True)  # fmt: skip
    assert (tmp_path / "bundle/rootfs/bin/busybox").exists()


def test_streams_and_several_images(room: ImageRoom, tmp_path: Path) -> None:
    room.libpod("tag", "bb", "second:2")
    (tmp_path / "third.tar").write_bytes(tar([(member("file"), b"text")]))
    room.libpod("import", "-q", str(tmp_path / "third.tar"), "third")
    saved = tmp_path / "all.tar"
    with saved.open("wb") as file:
        subprocess.run(room.command("save", "-q", "-m", "bb", "second:2", "third"), env=room.environment,
                       stdout=file, check=True)  # fmt: skip
    with tarfile.open(saved) as archive:
        entries = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert [entry["RepoTags"] for entry in entries] == [
        ["localhost/bb:latest", "localhost/second:2"], ["localhost/third:latest"],
    ]  # fmt: skip
    before = room.names()
    room.libpod("rmi", "-a")
    assert room.records("layers") == []
    with saved.open("rb") as file:
        subprocess.run(room.command("load", "-q"), env=room.environment, stdin=file, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
    assert room.names() == before


def test_an_archive_comes_into_being_whole_or_not_at_all(room: ImageRoom, tmp_path: Path) -> None:
    target = tmp_path / "saved.tar"
    target.write_text("old")
    room.refuses("save", "-o", str(target), "nosuch", says=["image not known"])
    room.refuses("save", "-o", str(tmp_path / "no/such/file"), "bb", says=["No such file"])
    room.refuses("save", "--format", "oci-dir", "-o", str(target), "bb", says=["not an empty directory"])
    room.refuses("save", "--format", "rar", "-o", str(target), "bb", says=["unknown image format", "hint"])
    assert target.read_text() == "old"
    room.libpod("save", "-q", "-o", str(target), "bb")
    assert tarfile.is_tarfile(target)
    assert [entry.name for entry in tmp_path.iterdir() if ".tmp-" in entry.name] == []


@contextlib.contextmanager
def full(directory: Path) -> Iterator[None]:
    """A file system that has no room for an image, in place of *directory*."""
    directory.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def test_a_full_disk(room: ImageRoom, tmp_path: Path) -> None:
    """What is said is what could not be written, not what was read."""
    plain = tmp_path / "plain.tar"
    plain.write_bytes(tar([(member("big"), b"x" * (1 << 20))]))
    text = plain.read_text()
    (tmp_path / "plain.tar.gz").write_bytes(gzip.compress(plain.read_bytes()))
    says = ["No space left on device", "hint: make room"]
    temporary = str(room.root / "tmp")
    with full(room.root / "tmp"):
        room.refuses("load", "-q", data=text, says=[f"write {temporary}", *says])
        room.refuses("import", "-q", str(plain), "x", says=[f"write {temporary}", *says])
        room.refuses("import", "-q", str(tmp_path / "plain.tar.gz"), "x", says=[f"write {temporary}", *says])
        room.refuses("import", "-q", "-", "x", data=text, says=[f"write {temporary}", *says])
    small = tmp_path / "small"
    with full(small):
        for form in FORMATS:
            target = small / form
            error = room.refuses("save", "-q", "--format", form, "-o", str(target), "bb", says=says)
            assert f"write {target}: No space" in error, form
            assert list(small.iterdir()) == []


def without_config(path: Path) -> None:
    members = []
    with tarfile.open(path) as archive:
        for entry in archive:
            if not entry.name.endswith(".json") or entry.name == "manifest.json":
                file = archive.extractfile(entry) if entry.isfile() else None
                members.append((entry, file.read() if file else b""))
    path.write_bytes(tar(members))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"busybox.conf") if b"busybox.conf" in data else len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def no_list(path: Path) -> None:
    path.write_bytes(tar([(member("manifest.json"), b"{}")]))


@pytest.mark.parametrize(
    "damage", [without_config, cut, flipped, no_list, lambda path: path.write_text("text")]
)
def test_damaged_archives(room: ImageRoom, tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    saved = tmp_path / "saved.tar"
    room.libpod("save", "-q", "-o", str(saved), "bb")
    room.libpod("rmi", "bb")
    damage(saved)
    room.refuses("load", "-i", str(saved), says=[str(saved), "hint: "])


def test_one_image_of_an_archive_and_the_default_transport(room: ImageRoom, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar"
    room.libpod("save", "-q", "-o", str(saved), "bb")
    identifier = room.image_id("bb")
    room.refuses("pull", f"docker-archive:{saved}:nosuch", says=["it has no image nosuch"])
    assert room.libpod("pull", "-q", f"docker-archive:{saved}:localhost/bb:latest").words == identifier
    room.configuration.write_text(
        room.configuration.read_text() + f'image_default_transport = "dir:{tmp_path}/"\n'
    )
    room.libpod("push", "-q", "bb", "plain")
    room.libpod("rmi", "bb")
    assert room.libpod("pull", "-q", "plain").words == identifier
    assert (tmp_path / "plain/manifest.json").exists()


def test_what_cannot_be_loaded(room: ImageRoom, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "index").mkdir()
    (tmp_path / "index/index.json").write_text('{"manifests": []}')
    room.refuses("load", "-i", str(tmp_path / "nosuch"), says=["nosuch", "No such file"])
    room.refuses("load", "-i", str(tmp_path / "empty"), says=["neither index.json nor manifest.json"])
    room.refuses("load", "-i", str(tmp_path / "index"), says=["names no manifest"])
    room.refuses("load", "-i", "/dev/null", says=["/dev/null"])
    room.refuses("load", says=["standard input is no image", "it is no tar"], data="rubbish")


# ---------------------------------------------------------------- import


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_import(room: ImageRoom, tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(compress(image.root_file_system()))
    changes = [
        'CMD ["echo", "from import"]',
        "ENV A=1 B=2",
        "LABEL x=y",
        "EXPOSE 80",
        "USER worker",
        "WORKDIR /tmp",
    ]
    flags = [flag for change in changes for flag in ("--change", change)]
    done = room.libpod("import", "-q", *flags, "-m", "my message", str(path), "made:1")
    found = room.json("image", "inspect", "made:1")[0]
    assert done.words == f"sha256:{found['Id']}"
    assert found["Comment"] == "my message"
    assert found["Config"] == {
        "Cmd": ["echo", "from import"], "Env": ["A=1", "B=2"], "Labels": {"x": "y"},
        "ExposedPorts": {"80/tcp": {}}, "User": "worker", "WorkingDir": "/tmp",
    }  # fmt: skip
    assert room.libpod("run", "--rm", "made:1").stdout == "from import\n"
    assert room.say(image="made:1", command=("sh", "-c", "id -u; pwd; echo $A$B")) == "1000\n/tmp\n12\n"


def test_import_from_a_server(room: ImageRoom, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/root.tar").write_bytes(image.root_file_system())

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "web"))

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        identifier = room.libpod("import", "-q", f"{url}/root.tar").words
        room.refuses("import", f"{url}/nosuch.tar", says=["404"])
        server.shutdown()
    assert room.say(image=identifier, command=("echo", "here")) == "here\n"


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([(member("../../etc/evil"), b"x")], "outside of it"),
        ([(member("a/../../evil"), b"x")], "outside of it"),
        ([(member("link", tarfile.LNKTYPE, "../../etc/shadow"), b"")], "outside of it"),
        (
            [(member("link", tarfile.SYMTYPE, "../../../etc"), b""), (member("link/evil"), b"x")],
            "processing tar file",
        ),
    ],
)
def test_tars_that_lead_out(
    room: ImageRoom, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], says: str
) -> None:
    path = tmp_path / "evil.tar"
    path.write_bytes(tar(members))
    room.refuses("import", str(path), "evil", says=[says, "hint: "])


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b"\x1f\x8b rubbish"), Path.unlink])
def test_tars_that_are_none(room: ImageRoom, tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(image.root_file_system())
    damage(path)
    room.refuses("import", str(path), says=[str(path)])


@pytest.mark.parametrize("change", ["FOO x", "CMD", "EXPOSE many", "ENV =x", "LABEL"])
def test_changes_that_are_none(room: ImageRoom, change: str) -> None:
    room.refuses("import", "-c", change, "-", says=[f"invalid change {change!r}"], data="")


# ---------------------------------------------------------------- commit


def test_commit(room: ImageRoom) -> None:
    script = """
        echo new >/data/new; ln /data/new /data/twin; ln -s new /data/soft; mkfifo /data/pipe
        echo changed >/etc/not-executable; rm /bin/vi; rm -r /home/worker; mkdir /home/worker
        chmod 4711 /data/new; chown -h 5:6 /data/soft
    """
    room.libpod("run", "--name", "c", "-e", "X=1", "-l", "mine=yes", "bb", "sh", "-c", script)
    done = room.libpod(
        "commit", "-q", "-a", "me", "-m", "why", "-c", 'CMD ["cat", "/data/soft"]', "c", "made"
    )
    found = room.json("inspect", "--type", "image", "made")[0]
    assert done.words == found["Id"]
    assert (found["Author"], found["History"][-1]["comment"]) == ("me", "why")
    assert found["Parent"] == room.image_id("bb")
    assert found["Labels"] == {"from": "image", "kept": "yes", "mine": "yes"}
    assert "X=1" in found["Config"]["Env"]
    assert room.libpod("run", "--rm", "made").stdout == "new\n"
    look = "stat -c '%a %h %F' /data/new /data/pipe; stat -c %u:%g /data/soft; cat /etc/not-executable;"
    look += "ls /bin/vi /home/worker; echo $X"
    assert room.say(image="made", command=("sh", "-c", f"({look}) 2>&1")).splitlines() == [
        "4711 2 regular file", "644 1 fifo", "5:6", "changed",
        "ls: /bin/vi: No such file or directory", "/home/worker:", "1",
    ]  # fmt: skip
    # The image below is in use by another image only: its name goes, its layer stays.
    room.libpod("rm", "c")
    assert "Untagged: localhost/bb:latest" in room.libpod("rmi", "bb").stdout
    assert room.say(image="made", command=("echo", "still")) == "still\n"
    room.libpod("rmi", "made")
    assert room.records("layers") == []


def test_commit_of_a_container_that_runs(room: ImageRoom, tmp_path: Path) -> None:
    room.sleep("s")
    identifier = tmp_path / "id"
    room.libpod("commit", "-q", "--pause", "--iidfile", str(identifier), "-f", "docker", "-m", "x", "s")
    assert room.status("s") == "running"
    found = room.json("image", "inspect", identifier.read_text())[0]
    assert found["RepoTags"] == []
    assert found["Comment"] == "x"
    assert found["ManifestType"] == "application/vnd.docker.distribution.manifest.v2+json"
    room.refuses("commit", "s", "UPPER", says=["must be lowercase"])
    room.refuses("commit", "nosuch", says=["nosuch"])
    room.refuses("commit", "-c", "FOO x", "s", says=["unknown instruction"])


def test_commit_with_vfs(room: ImageRoom, tmp_path: Path) -> None:
    room.options = ["--storage-driver", "vfs"]
    room.root = tmp_path / "vfs"
    image.write_layout(tmp_path / "layout")
    room.libpod("load", "-q", "-i", str(tmp_path / "layout"))
    room.libpod("run", "--name", "c", "layout", "sh", "-c", "echo new >/data/new; rm /bin/vi")
    room.libpod("commit", "-q", "c", "made")
    assert (
        room.say(image="made", command=("sh", "-c", "cat /data/new; ls /bin | grep -c '^vi$'; true"))
        == "new\n0\n"
    )
    sizes = {layer["diff-size"] for layer in json.loads((room.root / "vfs-layers/layers.json").read_text())
             if layer.get("diff-size")}  # fmt: skip
    assert min(sizes) < 20_000
    room.libpod("rm", "c")
    room.libpod("rmi", "-a")
