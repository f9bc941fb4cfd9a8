"""The store of the other tests on hosts, with a second image that has something where volumes go."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests import leftovers
from tests.lab import image

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = "localhost/content:latest"
DATA = b"of the image\n"


def add_content(archive: tarfile.TarFile) -> None:
    """/srv/content with everything that a copy may lose, and links that lead astray."""

    def add(name: str, kind: bytes, mode: int = 0o644, link: str = "", data: bytes = b"") -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(data)
        entry.uid, entry.gid, entry.mtime = 12, 34, 1_000_000_000
        if kind == tarfile.REGTYPE:
            entry.pax_headers = {"SCHILY.xattr.user.color": "green"}
        entry.devmajor, entry.devminor = 1, 3
        archive.addfile(entry, io.BytesIO(data))

    add("srv", tarfile.DIRTYPE, 0o755)
    add("srv/content", tarfile.DIRTYPE, 0o2750)
    add("srv/content/file", tarfile.REGTYPE, 0o4711, data=DATA)
    add("srv/content/hard", tarfile.LNKTYPE, 0o4711, "srv/content/file")
    add("srv/content/sub", tarfile.DIRTYPE, 0o1777)
    add("srv/content/sub/fifo", tarfile.FIFOTYPE)
    add("srv/content/null", tarfile.CHRTYPE, 0o666)
    add("srv/content/absolute", tarfile.SYMTYPE, link="/etc/shadow")
    add("srv/content/upwards", tarfile.SYMTYPE, link="../../../../../../etc/shadow")
    add("srv/empty", tarfile.DIRTYPE, 0o700)
    add("srv/linked", tarfile.SYMTYPE, link="/../../srv/content")


@pytest.fixture(scope="session", name="template")
def _template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with both images and no container, to copy."""
    directory = tmp_path_factory.mktemp("content")
    volumes: dict[str, dict[str, str]] = {"/srv/content": {}, "/srv/new/": {}}
    image.write_layout(directory / "layout", extra=add_content, Volumes=volumes)
    root = directory / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", template, root], check=True)
    image.install(directory / "layout", root, directory / "run", directory / "policy.json", CONTENT)
    leftovers.unmount([str(root / "overlay")])
    return root
