"""The verbs, and the module of each; a module is imported when its verb is asked for.

Its function `configure(parser)` adds the verb's arguments to a `Grammar` and names the function to run.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from libpod.cli.grammar import Grammar


class Verb:
    """One verb: the module that has it, what it does, and the module's function that configures it."""

    __slots__ = ("configure", "description", "module")

    def __init__(self, noun: str, description: str, configure: str = "configure") -> None:
        self.module = f"libpod.cli.{noun}"
        self.description = description
        self.configure = configure

    def configuration(self) -> Callable[[Grammar], None]:
        """The function, whose module is imported now."""
        # As importlib.import_module, but that is a module to import itself.
        found: Callable[[Grammar], None] = getattr(__import__(self.module, fromlist=("",)), self.configure)
        return found


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
    "attach": Verb("attach", "Connect to the streams of a running container."),
    "exec": Verb("exec", "Run a command in a running container."),
    "logs": Verb("logs", "Show the output of a container."),
    "port": Verb("port", "Show which ports of the host lead to a container."),
    "top": Verb("top", "Show the processes of a container."),
    "stats": Verb("stats", "Show what containers use: CPU, memory, network, block devices."),
    "diff": Verb("diff", "Show which files a container has changed."),
    "rename": Verb("rename", "Give a container another name."),
    "cp": Verb("cp", "Copy files out of a container, into one, or between two."),
    "export": Verb("cp", "Write the root of a container as a tar.", "configure_export"),
    "wait": Verb("lifecycle", "Wait until containers have ended.", "configure_wait"),
    "rm": Verb("lifecycle", "Remove containers.", "configure_rm"),
    "mount": Verb("lifecycle", "Mount the root of containers.", "configure_mount"),
    "umount": Verb("lifecycle", "Give up mounts of containers.", "configure_umount"),
    "unmount": Verb("lifecycle", "Give up mounts of containers.", "configure_umount"),
    "commit": Verb("commit", "Make an image of a container."),
    "cleanup": Verb("lifecycle", "Take down what containers that ended have left.", "configure_cleanup"),
}
"""The verbs that also follow the noun `container`."""

CONTAINER_ONLY_VERBS: Final = {
    "ls": Verb("ps", "List containers."),
    "list": Verb("ps", "List containers."),
    "ps": Verb("ps", "List containers."),
    "inspect": Verb("inspect", "Show everything about containers.", "configure_of_containers"),
    "exists": Verb("container", "Tell by the exit status whether there is a container.", "configure_exists"),
    "prune": Verb("rename", "Remove all containers that do not run.", "configure_prune"),
    "checkpoint": Verb("checkpoint", "Write the processes of containers to files, and end them."),
    "restore": Verb("checkpoint", "Let containers go on from their checkpoints.", "configure_restore"),
}
"""The verbs that only follow the noun `container`, or mean containers alone there."""

SHARED_IMAGE_VERBS: Final = {
    "pull": Verb("transfers", "Get images from a registry.", "configure_pull"),
    "push": Verb("transfers", "Copy an image to a registry.", "configure_push"),
    "save": Verb("transfers", "Write images to a file.", "configure_save"),
    "load": Verb("transfers", "Get images from a file.", "configure_load"),
    "import": Verb("transfers", "Make an image of the tar of a root file system.", "configure_import"),
    "history": Verb("images", "Show how an image was made.", "configure_history"),
    "tag": Verb("imagenames", "Give an image further names.", "configure_tag"),
    "untag": Verb("imagenames", "Take names away from an image.", "configure_untag"),
}
"""The verbs that also follow the noun `image`."""

IMAGE_VERBS: Final = {
    "ls": Verb("images", "List images."),
    "list": Verb("images", "List images."),
    "inspect": Verb("images", "Show everything about images.", "configure_inspect"),
    "exists": Verb("images", "Tell by the exit status whether there is an image.", "configure_exists"),
    "tree": Verb("images", "Show the layers of an image.", "configure_tree"),
    "rm": Verb("imagenames", "Remove images.", "configure_rmi"),
    "prune": Verb("imagenames", "Remove images that nothing uses.", "configure_prune"),
    "diff": Verb("diff", "Show which files an image adds to the layer below.", "configure_of_images"),
    "mount": Verb("imagemount", "Mount images, and print where; without names, show those mounted."),
    "unmount": Verb("imagemount", "Give up mounts of images.", "configure_unmount"),
    "umount": Verb("imagemount", "Give up mounts of images.", "configure_unmount"),
    **SHARED_IMAGE_VERBS,
}
"""The verbs below the noun `image`."""

POD_VERBS: Final = {
    "create": Verb("podcreate", "Make a pod."),
    "start": Verb("podlife", "Start all containers of pods.", "configure_start"),
    "stop": Verb("podlife", "Stop all containers of pods.", "configure_stop"),
    "kill": Verb("podlife", "Send a signal to all containers of pods.", "configure_kill"),
    "pause": Verb("podlife", "Freeze all processes of pods.", "configure_pause"),
    "unpause": Verb("podlife", "Let the processes of pods go on.", "configure_unpause"),
    "restart": Verb("podlife", "Stop all containers of pods and start them again.", "configure_restart"),
    "rm": Verb("podlife", "Remove pods with all their containers.", "configure_rm"),
    "prune": Verb("podlife", "Remove all pods whose containers have ended.", "configure_prune"),
    "exists": Verb("podlife", "Tell by the exit status whether a pod exists.", "configure_exists"),
    "ps": Verb("pod", "List pods.", "configure_ps"),
    "ls": Verb("pod", "List pods.", "configure_ps"),
    "list": Verb("pod", "List pods.", "configure_ps"),
    "stats": Verb("podwatch", "Show what pods use of the machine.", "configure_stats"),
    "top": Verb("podwatch", "Show the processes of a pod.", "configure_top"),
    "logs": Verb("podlogs", "Show the output of all containers of a pod."),
    "inspect": Verb("pod", "Show everything about pods and their containers.", "configure_inspect"),
}
"""The verbs that follow the noun `pod`."""

GROUPS: Final = {
    "this host": {
        "refresh": Verb("refresh", "Make the state of all containers true again after a reboot."),
        "info": Verb("info", "Show what is known about this host and this store."),
        "events": Verb("events", "Show what happens to containers, pods, volumes and images."),
        "inspect": Verb("inspect", "Show everything about containers, pods, volumes and images."),
        "version": Verb("version", "Show the versions of libpod and of the programs that it drives."),
        "db": Verb("db", "Look into the database, damaged or not."),
        "completion": Verb("completion", "Print a completion script for a shell."),
    },
    "containers": {
        "ps": Verb("ps", "List containers."),
        **CONTAINER_VERBS,
        "healthcheck": Verb("healthcheck", "Check the health of a container (has run)."),
        "container": Verb("container", "Work with containers (has ls, exists and prune, too)."),
    },
    "pods, volumes, networks": {
        "pod": Verb("pod", "Work with pods (has create, ps, start, stop, rm and more)."),
        "volume": Verb("volume", "Work with volumes (has create, ls, inspect, rm and more)."),
        "network": Verb("network", "Look at networks (has ls, inspect and exists)."),
    },
    "images": {
        "images": Verb("images", "List images."),
        "rmi": Verb("imagenames", "Remove images.", "configure_rmi"),
        **SHARED_IMAGE_VERBS,
        "login": Verb("login", "Keep credentials for a registry."),
        "logout": Verb("login", "Forget the credentials for a registry.", "configure_logout"),
        "image": Verb("image", "Work with images (has ls, exists, prune and tree, too)."),
    },
}
"""All verbs, in the groups and the order in which the help has them."""

VERBS: Final = {name: verb for group in GROUPS.values() for name, verb in group.items()}
