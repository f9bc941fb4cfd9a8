"""A new image of one layer on top of those that the store has, as an OCI layout from which skopeo takes it.

::

    <directory>/oci-layout    {"imageLayoutVersion":"1.0.0"}
                index.json    one manifest
                blobs/sha256/ the new layer, the configuration, the manifest

The blobs of the layers below are not there: skopeo finds those in the store by their digests. That is why a
layer below is named by the digest of its uncompressed tar, whatever it was when it was pulled.
"""

from __future__ import annotations

import hashlib
import os

from libpod.errors import DamagedImage
from libpod.host import files, jsonutil
from libpod.storage.objects import now
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.storage.objects import Layer

    Data = dict[str, object]

MEDIA = "application/vnd.oci.image"
LAYER_TYPE = f"{MEDIA}.layer.v1.tar"
TAG = "new"
_MODE = 0o600


class NewLayer(NamedTuple):
    """An uncompressed tar: where it is, its SHA-256 digest (`sha256:…`), and its size in bytes."""

    path: str
    digest: str
    size: int


def measure(path: str) -> NewLayer:
    """The layer in the tar at *path*."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return NewLayer(path, f"sha256:{digest}", os.path.getsize(path))


def write_layout(directory: str, layer: NewLayer, config: Data, below: Sequence[Layer] = ()) -> str:
    """Write the layout into *directory*, moving the layer's tar into it; returns skopeo's name for it.

    *config* is the whole configuration; its `rootfs` is set here. *below* are the layers that the new one is
    on top of, the lowest first.
    """
    blobs = os.path.join(directory, "blobs", "sha256")
    os.makedirs(blobs)
    described = [_descriptor(LAYER_TYPE, _known(old), old.size) for old in below]
    described.append(_descriptor(LAYER_TYPE, layer.digest, layer.size))
    config["rootfs"] = {"type": "layers", "diff_ids": [entry["digest"] for entry in described]}
    os.rename(layer.path, os.path.join(blobs, layer.digest.partition(":")[2]))
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": _blob(blobs, f"{MEDIA}.config.v1+json", config),
        "layers": described,
    }
    entry = _blob(blobs, f"{MEDIA}.manifest.v1+json", manifest)
    entry["annotations"] = {"org.opencontainers.image.ref.name": TAG}
    _write(os.path.join(directory, "index.json"), {"schemaVersion": 2, "manifests": [entry]})
    _write(os.path.join(directory, "oci-layout"), {"imageLayoutVersion": "1.0.0"})
    return f"oci:{directory}:{TAG}"


def _known(layer: Layer) -> str:
    if not layer.difference_digest:
        raise DamagedImage(
            f"layer {layer.id} has no digest: it was not made from an image",
            hint="the image below cannot be used for another one; pull it again",
        )
    return layer.difference_digest


def _descriptor(kind: str, digest: str, size: int) -> Data:
    return {"mediaType": kind, "digest": digest, "size": max(size, 0)}


def _blob(directory: str, kind: str, value: Data) -> Data:
    data = jsonutil.dumps(value)
    digest = hashlib.sha256(data).hexdigest()
    _write(os.path.join(directory, digest), data)
    return _descriptor(kind, f"sha256:{digest}", len(data))


def _write(path: str, value: Data | bytes) -> None:
    data = value if isinstance(value, bytes) else jsonutil.dumps(value)
    files.write_atomic(path, data, mode=_MODE, sync=False, sync_dir=False)


def configuration(created_by: str, comment: str, *, base: Data | None = None, author: str = "") -> Data:
    """A configuration with one more step in its history, made now."""
    moment = now()
    step: Data = {"created": moment, "created_by": created_by}
    if author:
        step["author"] = author
    if comment:
        step["comment"] = comment
    base = base or {}
    history = base.get("history")
    found: Data = {"created": moment}
    if author:
        found["author"] = author
    found.update({key: base[key] for key in ("architecture", "os", "variant", "os.version") if key in base})
    found["history"] = [*(history if isinstance(history, list) else []), step]
    return found
