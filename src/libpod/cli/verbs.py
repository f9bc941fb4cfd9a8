"""The verbs, and the module of each; a module is imported when its verb is asked for.

Its function `configure(parser)` adds the verb's arguments to its `Parser` and names the function to run.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Verb:
    """One verb: the module that has it, what it does, and the module's function that configures it."""

    __slots__ = ("configure", "description", "module")

    def __init__(self, noun: str, description: str, configure: str = "configure") -> None:
        self.module = f"libpod.cli.{noun}"
        self.description = description
        self.configure = configure


VERBS: Final = {
    "refresh": Verb("refresh", "Make the state of all containers true again after a reboot."),
    "ps": Verb("ps", "List containers."),
    "inspect": Verb("inspect", "Show everything about containers, pods and volumes."),
    "pod": Verb("pod", "Look at pods."),
    "info": Verb("info", "Show what is known about this host and this store."),
    "version": Verb("version", "Show the versions of libpod and of the programs that it drives."),
    "db": Verb("db", "Look into the database, damaged or not."),
    "completion": Verb("completion", "Print a completion script for a shell."),
}
