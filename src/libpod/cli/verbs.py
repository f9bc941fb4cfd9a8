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


CONTAINER_VERBS: Final = {
    "create": Verb("create", "Make a container, and do not start it."),
    "run": Verb("run", "Make a container and start it."),
    "init": Verb("lifecycle", "Prepare containers so that they start quickly.", "configure_init"),
    "start": Verb("lifecycle", "Start containers.", "configure_start"),
    "stop": Verb("lifecycle", "Stop containers.", "configure_stop"),
    "kill": Verb("lifecycle", "Send a signal to containers.", "configure_kill"),
    "pause": Verb("lifecycle", "Freeze all processes of containers.", "configure_pause"),
    "unpause": Verb("lifecycle", "Let the processes of containers go on.", "configure_unpause"),
    "restart": Verb("lifecycle", "Stop containers and start them again.", "configure_restart"),
    "exec": Verb("exec", "Run a command in a running container."),
    "logs": Verb("logs", "Show the output of a container."),
    "wait": Verb("lifecycle", "Wait until containers have ended.", "configure_wait"),
    "rm": Verb("lifecycle", "Remove containers.", "configure_rm"),
    "mount": Verb("lifecycle", "Mount the root of containers.", "configure_mount"),
    "umount": Verb("lifecycle", "Give up mounts of containers.", "configure_umount"),
    "cleanup": Verb("lifecycle", "Take down what containers that ended have left.", "configure_cleanup"),
}
"""The verbs that also follow the noun `container`."""

VERBS: Final = {
    "refresh": Verb("refresh", "Make the state of all containers true again after a reboot."),
    "ps": Verb("ps", "List containers."),
    **CONTAINER_VERBS,
    "container": Verb("container", "Work with containers."),
    "inspect": Verb("inspect", "Show everything about containers, pods and volumes."),
    "pod": Verb("pod", "Look at pods."),
    "info": Verb("info", "Show what is known about this host and this store."),
    "version": Verb("version", "Show the versions of libpod and of the programs that it drives."),
    "db": Verb("db", "Look into the database, damaged or not."),
    "completion": Verb("completion", "Print a completion script for a shell."),
}
