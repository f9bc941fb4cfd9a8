"""Who runs the program: what the places of configuration, data and runtime directories follow from."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Account:
    """A user and the environment they work in.

    *uid* is the user whose directories are used. Root inside a user namespace that was made for a user
    without privileges is *rootless* too: the variables `_LIBPOD_USERNS_CONFIGURED` (the first libpod) and
    `_CONTAINERS_USERNS_CONFIGURED` (Podman) say so, and `_..._ROOTLESS_UID` names the user outside.
    """

    __slots__ = ("environment", "owner", "rootless", "uid")

    def __init__(self, environment: Mapping[str, str] | None = None, uid: int | None = None) -> None:
        self.environment = os.environ if environment is None else environment
        self.owner = os.geteuid() if uid is None else uid
        """The user ID that files of this user show here, inside a user namespace or outside of it."""
        self.rootless = self.owner != 0 or bool(self._variable("USERNS_CONFIGURED"))
        self.uid = self._outer_uid() if self.rootless else self.owner

    def _variable(self, name: str) -> str:
        return self.get("_LIBPOD_" + name) or self.get("_CONTAINERS_" + name)

    def _outer_uid(self) -> int:
        text = self._variable("ROOTLESS_UID")
        if not text:
            return self.owner
        if not (text.isascii() and text.isdigit()):
            raise InvalidArgument(f"environment variable _CONTAINERS_ROOTLESS_UID is not a user ID: {text}")
        return int(text)

    def get(self, name: str) -> str:
        """The value of an environment variable; "" when it is not set."""
        return self.environment.get(name, "")

    def home(self) -> str:
        """The home directory: `$HOME`, else what the user database says. Raises InvalidArgument when neither
        is there."""
        home = self.get("HOME")
        if not home:
            import pwd

            try:
                home = pwd.getpwuid(self.uid).pw_dir
            except KeyError:
                home = ""
        if not home.startswith("/"):
            raise InvalidArgument(
                f"no home directory for user {self.uid}: HOME is {home or 'not set'}",
                hint="set HOME to the absolute path of the home directory",
            )
        return home

    def config_file(self, name: str) -> str:
        """The user's own configuration file *name*: below `$XDG_CONFIG_HOME`, else below `~/.config`."""
        return f"{self._base('XDG_CONFIG_HOME', '.config')}/containers/{name}"

    def data_directory(self) -> str:
        """Where the user's programs keep data: `$XDG_DATA_HOME`, else `~/.local/share` with links
        resolved."""
        return self._base("XDG_DATA_HOME", ".local/share")

    def _base(self, variable: str, default: str) -> str:
        # A relative path in these variables is invalid and is ignored (XDG Base Directory Specification).
        base = self.get(variable)
        return base.rstrip("/") if base.startswith("/") else f"{os.path.realpath(self.home())}/{default}"
