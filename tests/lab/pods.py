"""A room for pods: what they add to what containers may leave behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libpod.cgroups.hierarchy import Cgroup
from tests.lab import database
from tests.lab.containers import HIERARCHIES, IMAGE, Room

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
NAMESPACES = ("ipc", "net", "uts", "pid", "cgroup", "mnt")


class PodRoom(Room):
    """A room in which pods have its cgroup parent, and their containers have theirs."""

    def command(self, *arguments: str) -> list[str]:
        """As in a room without pods; the containers of a pod have no cgroup parent of their own."""
        if arguments[:2] == ("pod", "create") and "--cgroup-parent" not in arguments:
            arguments = ("pod", "create", "--cgroup-parent", self.parent, *arguments[2:])
        words = super().command(*arguments)
        if arguments[0] not in ("run", "create") or not {"--pod", "--pod-id-file"} & set(arguments):
            return words
        if any(word.startswith("new:") for word in arguments):
            return words
        place = words.index("--cgroup-parent")
        return words if "--cgroup-parent" in arguments else [*words[:place], *words[place + 2 :]]

    def make_pod(self, name: str, *options: str) -> str:
        """Make a pod without a network and return its ID."""
        network = () if "--infra=false" in options or "--network" in options else ("--network", "none")
        return self.libpod("pod", "create", "--name", name, *network, *options).words

    def member(self, pod: str, name: str, *options: str, command: tuple[str, ...] = SLEEP) -> str:
        """Make a container in a pod and return its ID."""
        return self.libpod("create", "--pod", pod, "--name", name, *options, IMAGE, *command).words

    def pod(self, name: str) -> dict[str, Any]:
        """What `pod inspect` says."""
        found = json.loads(self.libpod("pod", "inspect", name).stdout)
        assert isinstance(found, dict)
        return found

    def states(self) -> dict[str, str]:
        """The state of each container by its name; that of an infra container by "infra"."""
        listed = json.loads(self.libpod("ps", "-a", "--format", "json").stdout)
        return {"infra" if row["IsInfra"] else row["Names"][0]: row["State"] for row in listed}

    def namespaces(self, container: str) -> dict[str, str]:
        """The namespaces of the first process of a running container."""
        pid = self.inspect(container)["State"]["Pid"]
        return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES}

    def groups(self, container: str) -> set[str]:
        """The control groups of the first process of a running container."""
        text = Path(f"/proc/{self.inspect(container)['State']['Pid']}/cgroup").read_text()
        return {line.split(":", 2)[2] for line in text.splitlines() if not line.endswith(":/")}

    def _cgroups(self) -> Iterator[str]:
        for hierarchy in HIERARCHIES:
            for entry in Path("/sys/fs/cgroup", hierarchy, self.parent.lstrip("/")).glob("*"):
                if entry.is_dir() and entry.name != "conmon":
                    yield str(entry)

    def damage_pod(self, identifier: str, configuration: bytes) -> int:
        """Put *configuration* in the place of a pod's in the database; returns the number of its lock."""
        path = self.root / "libpod" / "bolt_state.db"
        lock = database.objects(path, "pod")[identifier].lock_number
        database.write(path, "pod", identifier, "config", configuration)
        return lock

    def forget_pod(self, identifier: str, lock: int) -> None:
        """Remove what a pod that could not be read has left: its control group and its lock."""
        assert self.settled(lambda: not list(self._processes()))
        Cgroup(f"{self.parent}/{identifier}").remove()
        (self.tmp_dir / "locks" / str(lock)).unlink()

    def clear(self) -> None:
        """Remove all pods before all containers."""
        if (self.root / "libpod").exists():
            self.libpod("pod", "rm", "--force", "--time", "0", "--all")
        super().clear()
