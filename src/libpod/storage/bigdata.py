"""Big data: named pieces of bytes that belong to an image, a container or a layer, each a file of its own."""

from __future__ import annotations

import binascii
import os

from libpod.errors import FileError
from libpod.host import files, tree

_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789."


def file_name(key: str) -> str:
    """The name of the file for *key*: itself if it is plain, else `=` and its base64 (containers/storage)."""
    if key and not key.strip(_PLAIN):
        return key
    return "=" + binascii.b2a_base64(key.encode(), newline=False).decode()


def read(directory: str, owner: str, key: str) -> bytes:
    """The piece *key* of the object *owner* whose records are in *directory*."""
    path = os.path.join(directory, owner, file_name(key))
    try:
        return files.read_bytes(path)
    except FileError as error:
        error.hint = f"the store has no {key} for {owner}: it may be damaged"
        raise


def remove_layer_files(directory: str, layer_id: str) -> None:
    """Remove what layers.json keeps beside it for a layer: the description of its tar, and big data."""
    files.remove_file(os.path.join(directory, f"{layer_id}.tar-split.gz"))
    tree.remove(os.path.join(directory, layer_id))
