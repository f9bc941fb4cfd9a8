"""A machine whose configuration directories are those of one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.config import rootless, sources, storage
from libpod.config.runtime import RuntimeConfig

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.config.sources import Settings


class Machine:
    """Directories `etc`, `share`, `home`, `run` and `tmp`, an environment, and a user."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc, self.share, self.home = root / "etc", root / "share", root / "home"
        self.own = self.home / ".config/containers"
        self.run, self.tmp = root / "run-user", root / "tmp"
        for directory in (self.etc, self.share, self.home, self.run, self.tmp):
            directory.mkdir()
            directory.chmod(0o755)
        self.environment = {"HOME": str(self.home)}
        self.uid = 0

    def write(self, path: Path, text: str | bytes) -> str:
        """Write a file, with the directories on its way; return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def become_user(self) -> None:
        """Be a user without privileges who has a session."""
        directory = self.root / "session"
        directory.mkdir()
        directory.chmod(0o700)
        self.environment |= {"XDG_RUNTIME_DIR": str(directory), "_CONTAINERS_USERNS_CONFIGURED": "done"}
        self.uid = directory.stat().st_uid

    def collect(self, config_file: str | None = None, **overrides: object) -> Settings:
        """Read the configuration of this machine."""
        return sources.collect(overrides, self.environment, self.uid, config_file=config_file)

    def load(self, config_file: str | None = None, **overrides: Any) -> RuntimeConfig:
        """The same, as RuntimeConfig."""
        return RuntimeConfig.from_settings(self.collect(config_file, **overrides))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without any configuration file."""
    machine = Machine(tmp_path)
    monkeypatch.setattr(sources, "SYSTEM_CONFIG", str(machine.etc))
    monkeypatch.setattr(sources, "VENDOR_CONFIG", str(machine.share))
    files = (f"{machine.etc}/storage.conf", f"{machine.share}/storage.conf")
    monkeypatch.setattr(storage, "SYSTEM_FILES", files)
    monkeypatch.setattr(rootless, "USERS_RUNTIME", str(machine.run))
    monkeypatch.setattr(rootless, "TEMPORARY", str(machine.tmp))
    return machine
