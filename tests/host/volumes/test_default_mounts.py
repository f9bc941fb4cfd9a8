"""What every container gets: the mounts of mounts.conf, and the mark of FIPS mode."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.containers import defaultmounts
from libpod.containers.create import CreateOptions, create
from libpod.oci.options import SpecOptions
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room


@pytest.fixture(name="source")
def _source(room: Room) -> Path:
    """A directory with a file, a link out of it, a dangling one and a pipe."""
    source = room.directory / "certificates"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "key").write_text("key\n")
    (source / "sub" / "key").chmod(0o640)
    (room.directory / "elsewhere").write_text("from elsewhere\n")
    (source / "link").symlink_to(room.directory / "elsewhere")
    (source / "dangling").symlink_to("/nowhere")
    os.mkfifo(source / "pipe")
    return source


def configure(room: Room, text: str) -> None:
    path = room.directory / "mounts.conf"
    path.write_text(text)
    room.options += ["--default-mounts-file", str(path)]


def test_copies_are_bound(room: Room, source: Path) -> None:
    configure(
        room, f"# comment\n\nrelative:/x\n{source}:/run/secrets/c\n{source}/sub/key:/key\n{source}/sub\n"
    )
    listing = f"ls /run/secrets/c; cat /run/secrets/c/link /key; stat -c %a /key; ls {source}/sub; ls -d /x"
    room.libpod("create", "--name", "c", IMAGE, "sh", "-c", f"{listing}; echo new > /run/secrets/c/new")
    result = room.libpod("start", "-a", "c")
    assert result.stdout.split() == ["link", "sub", "from", "elsewhere", "key", "640", "key"]
    assert "/x: No such file" in result.stderr
    assert not (source / "new").exists()
    # Copied once a boot: what the container wrote is there at its next start.
    assert "new" in room.libpod("start", "-a", "c").stdout.split()


def test_a_link_that_the_container_has_made_leads_nowhere(room: Room, source: Path) -> None:
    hidden = room.directory / "hidden"
    hidden.mkdir()
    (hidden / "file").write_text("of the host\n")
    configure(room, f"{source}:/run/secrets\n")
    room.libpod(
        "create", "--name", "c", IMAGE, "sh", "-c", f"ls /run/secrets/b; ln -s {hidden} /run/secrets/b"
    )
    room.libpod("start", "-a", "c")
    (room.directory / "mounts.conf").write_text(
        f"{source}:/run/secrets\n{source}:/run/secrets/b\n{source}:/run/secrets/b/new\n"
    )
    shown = room.libpod("start", "-a", "c", status=None)
    assert "file" not in shown.stdout.split()
    assert [path.name for path in hidden.iterdir()] == ["file"]


def test_the_users_own_mount_goes_before(room: Room, source: Path) -> None:
    configure(room, f"{source}:/c")
    assert room.say("--tmpfs", "/c", command=("ls", "/c")) == ""


def test_a_missing_source_is_a_warning(room: Room, source: Path) -> None:
    configure(room, f"/nowhere:/n\n{source}:/c")
    result = room.libpod("run", "--rm", IMAGE, "ls", "/c")
    assert "/nowhere, which " in result.stderr
    assert "does not exist: it is not mounted" in result.stderr
    assert result.stdout.split() == ["link", "sub"]


def test_a_missing_file_of_mounts_is_a_warning(room: Room) -> None:
    room.options += ["--default-mounts-file", "/no/mounts.conf"]
    result = room.libpod("run", "--rm", IMAGE, "true")
    assert "default mounts file /no/mounts.conf does not exist" in result.stderr


def test_the_first_of_the_two_files_counts(room: Room, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    administrator, vendor = room.directory / "etc.conf", room.directory / "usr.conf"
    monkeypatch.setattr(defaultmounts, "ADMINISTRATOR", str(administrator))
    monkeypatch.setattr(defaultmounts, "VENDOR", str(vendor))
    monkeypatch.setattr(defaultmounts, "FIPS_MARK", str(room.directory / "fips"))
    vendor.write_text(f"{source}:/vendor\n")
    with room.runtime() as runtime:
        record = create(runtime.engine, CreateOptions(image=IMAGE, spec=SpecOptions(command=["true"])))
        assert list(defaultmounts.binds(runtime.engine, record)) == ["/vendor"]
        administrator.write_text(f"{source}:/administrator\n")
        assert list(defaultmounts.binds(runtime.engine, record)) == ["/administrator"]
        administrator.write_text("")
        assert defaultmounts.binds(runtime.engine, record) == {}
        (room.directory / "fips").touch()
        (place,) = defaultmounts.binds(runtime.engine, record).items()
        assert place == ("/run/secrets", f"{record.run_directory}/mounts/run%2Fsecrets")
        assert (Path(place[1]) / "system-fips").read_bytes() == b""
