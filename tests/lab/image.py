"""A small image with busybox, as an OCI layout that every program can read, made without a network."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Extra = Callable[[tarfile.TarFile], None]

NAME = "localhost/bb:latest"
BUSYBOX = Path("/bin/busybox")
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
worker:x:1000:1000:Worker:/home/worker:/bin/sh
"""
GROUP = """\
root:x:0:
worker:x:1000:
audio:x:29:worker
video:x:44:
"""
CONFIG: dict[str, Any] = {
    "Env": ["PATH=/usr/local/bin:/bin", "FROM_IMAGE=yes"],
    "Cmd": ["sh", "-c", "echo command of the image"],
    "Labels": {"from": "image", "kept": "yes"},
}
_TYPES = "application/vnd.oci.image"


def root_file_system(extra: Extra = lambda _archive: None) -> bytes:
    """The one layer: busybox with all its names, users, and the usual directories; *extra* adds to it."""
    names = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for directory in ("bin", "data", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp"):
            _directory(archive, directory, 0o1777 if directory == "tmp" else 0o755)
        _directory(archive, "home/worker", 0o755, owner=1000)
        _file(archive, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for name in names:
            if name != "busybox":
                _link(archive, f"bin/{name}", "busybox")
        _file(archive, "etc/passwd", PASSWD.encode())
        _file(archive, "etc/group", GROUP.encode())
        _file(archive, "etc/not-executable", b"text\n")
        extra(archive)
    return out.getvalue()


def _directory(archive: tarfile.TarFile, name: str, mode: int, *, owner: int = 0) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
    archive.addfile(entry)


def _file(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def write_layout(
    directory: Path,
    *,
    extra: Extra = lambda _archive: None,
    machine: str = "amd64",
    **config: Any,
) -> None:
    """Write the image as an OCI layout with the tag `latest`; *config* is what it says instead of CONFIG.

    *extra* adds files to its layer.
    """
    (directory / "blobs" / "sha256").mkdir(parents=True)
    _write_index(directory, _manifest(directory, machine, config, extra))


def write_list(directory: Path, *machines: str) -> None:
    """Write a layout whose tag `latest` is a list of images for these machines."""
    (directory / "blobs" / "sha256").mkdir(parents=True)
    entries = []
    for machine in machines:
        entry = _manifest(directory, machine, {})
        entries.append({**entry, "platform": {"os": "linux", "architecture": machine}})
    index = {"schemaVersion": 2, "mediaType": f"{_TYPES}.index.v1+json", "manifests": entries}
    _write_index(directory, _blob(directory, "index.v1+json", json.dumps(index).encode()))


def _manifest(
    directory: Path, machine: str, config: dict[str, Any], extra: Extra = lambda _archive: None
) -> dict[str, Any]:
    layer = root_file_system(extra)
    described = {
        "architecture": machine,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {**CONFIG, **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "busybox"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPES}.manifest.v1+json",
        "config": _blob(directory, "config.v1+json", json.dumps(described).encode()),
        "layers": [_blob(directory, "layer.v1.tar", layer)],
    }
    return _blob(directory, "manifest.v1+json", json.dumps(manifest).encode())


def _write_index(directory: Path, entry: dict[str, Any]) -> None:
    entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _blob(directory: Path, kind: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    (directory / "blobs" / "sha256" / digest).write_bytes(data)
    return {"mediaType": f"{_TYPES}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def unpack(directory: Path) -> None:
    """Unpack the root file system, for a container in a plain directory."""
    with tarfile.open(fileobj=io.BytesIO(root_file_system())) as archive:
        # Without this a newer Python leaves owners out; older ones do not know it.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        archive.extractall(directory)


def install(layout: Path, root: Path, run_root: Path, policy: Path, name: str = NAME) -> None:
    """Copy the image of *layout* into the store at *root* with skopeo."""
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}\n')
    store = f"containers-storage:[overlay@{root}+{run_root}]{name}"
    command = ["skopeo", "--policy", str(policy), "copy", "--quiet", f"oci:{layout}:latest", store]
    subprocess.run(command, check=True, timeout=120)
