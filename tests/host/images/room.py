"""A store for tests with images."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.lab.containers import Room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ImageRoom(Room):
    """A store whose registries.conf and credentials are its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.registries = directory / "registries.conf"
        self.registries.write_text("")
        self.authfile = directory / "auth.json"

    @property
    def environment(self) -> dict[str, str]:
        """With the files of this room."""
        found = {**super().environment, "CONTAINERS_REGISTRIES_CONF": str(self.registries)}
        if self.authfile.exists():
            found["REGISTRY_AUTH_FILE"] = str(self.authfile)
        return found

    def insecure(self, *hosts: str) -> None:
        """Let these registries do without TLS."""
        entries = (f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in hosts)
        self.registries.write_text(self.registries.read_text() + "".join(entries))

    def names(self) -> list[str]:
        """The names of all images."""
        return sorted(name for record in self.records("images") for name in record.get("names", []))

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The records of the storage."""
        path = self.root / f"overlay-{kind}" / f"{kind}.json"
        found = json.loads(path.read_text()) if path.exists() else []
        assert isinstance(found, list)
        return found

    def image_id(self, name: str) -> str:
        """The ID of an image."""
        return str(self.json("image", "inspect", name)[0]["Id"])

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.libpod(*arguments).stdout)

    def half_done(self) -> list[str]:
        """What a transfer that was not finished has left."""
        found = [record["id"] for record in self.records("layers") if record.get("flags")]
        temporary = self.root / "tmp"
        return found + (os.listdir(temporary) if temporary.is_dir() else [])

    def refuses(self, *arguments: str, says: Sequence[str], status: int = 125, **keywords: Any) -> str:
        """The message of a command that must fail, saying all of *says*, and change nothing."""
        before = (self.names(), [record["id"] for record in self.records("layers")])
        result = self.libpod(*arguments, status=status, **keywords)
        assert "Traceback" not in result.stderr, result
        assert "Error: unexpected" not in result.stderr, result
        for text in says:
            assert text in result.stderr, (text, result.stderr)
        assert (self.names(), [record["id"] for record in self.records("layers")]) == before, result
        assert self.half_done() == []
        return result.stderr
