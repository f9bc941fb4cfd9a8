"""The rows of `ps` and `pod ps`, made from records alone: no file is read and no process is asked.

A row is a mapping with the keys of Podman's `--format json`; where an object has a trouble (its record cannot
be read, or the boot refresh put it into quarantine) there is one more key, `Error`, with the reason.
"""

from __future__ import annotations

from libpod.containers import ports as port_lists
from libpod.containers import status
from libpod.errors import DecodeError
from libpod.state.records import AUTO_REMOVE, RUNNING
from libpod.times import NEVER, ZERO_TIME, human_duration, parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from libpod.containers.fields import Fields
    from libpod.containers.items import Item

    Row = dict[str, object]


class Listing:
    """Makes the rows of one list, at one moment.

    *containers* is everything in the database, whatever is shown of it: the containers of a pod and the owner
    of a shared network are looked up there. *now* is the time in seconds since 1970. *troubles* maps IDs
    to the reason for which the last refresh put them into quarantine.
    """

    def __init__(
        self,
        containers: Sequence[Item],
        pods: Sequence[Item] = (),
        *,
        now: float,
        troubles: Mapping[str, str] | None = None,
    ) -> None:
        self._containers = containers
        self._pods = pods
        self._now = now
        self._troubles = troubles or {}
        self._by_id = {container.id: container for container in containers}
        self._pod_names = {pod.id: pod.name for pod in pods}

    def containers(self, *, everything: bool) -> list[Row]:
        """One row for each container, oldest first, broken ones last; without *everything* running ones."""
        wanted = self._containers if everything else [item for item in self._containers if _is_running(item)]
        return _sorted([self._row(item, self._container_row, _broken_container) for item in wanted])

    def pods(self) -> list[Row]:
        """One row for each pod, newest first. Broken ones last."""
        return _sorted([self._row(item, self._pod_row, _broken_pod) for item in self._pods], newest=True)

    def _row(
        self, item: Item, make: Callable[[Item], tuple[float, Row]], broken: Callable[[Item, str], Row]
    ) -> tuple[float, str, Row]:
        """The row and what it is sorted by. A record with a value of a wrong type is a broken one."""
        if item.error is not None:
            return _LAST, item.name, broken(item, item.error)
        try:
            created, row = make(item)
        except DecodeError as error:
            return _LAST, item.name, broken(item, error.message)
        trouble = self._troubles.get(item.id)
        if trouble is not None:
            row["Error"] = trouble
        return created, item.name, row

    def _container_row(self, item: Item) -> tuple[float, Row]:
        config, state = item.config, item.state
        created = _time(config, "createdTime")
        started, finished = _time(state, "startedTime"), _time(state, "finishedTime")
        word = status.status_name(state.number("state"))
        exit_code = state.number("exitCode")
        ports = [port.as_json() for port in self.ports(item)]
        annotations = config.child("spec").text_map("annotations") or {}
        pod = config.text("pod")
        return created, {
            "AutoRemove": annotations.get(AUTO_REMOVE) == "TRUE",
            "Command": config.texts_or_null("command"),
            "CreatedAt": self._ago(created),
            "Exited": state.flag("exited"),
            "ExitedAt": int(finished // 1),
            "ExitCode": exit_code,
            "Id": item.id,
            "Image": config.text("rootfsImageName"),
            "ImageID": config.text("rootfsImageID"),
            "IsInfra": config.flag("pause"),
            "Labels": config.text_map("labels"),
            "Mounts": config.texts("userVolumes"),
            "Names": [item.name],
            "Namespaces": {},
            "Networks": sorted(item.networks),
            "Pid": state.number("pid"),
            "Pod": pod,
            "PodName": self._pod_names.get(pod, ""),
            "Ports": ports or None,
            "Size": None,
            "StartedAt": int(started // 1),
            "State": word,
            "Status": self._container_status(word, exit_code, started, finished) + _health(item),
            "Created": int(created // 1),
        }

    def ports(self, item: Item) -> list[port_lists.Port]:
        """The published ports of a container, which are those of the container whose network it uses."""
        seen = {item.id}
        while True:
            config = item.config
            owner = config.text("netNsCtr")
            if not owner:
                return port_lists.published(config)
            if owner in seen or owner not in self._by_id:
                return []
            seen.add(owner)
            item = self._by_id[owner]

    def _container_status(self, word: str, exit_code: int, started: float, finished: float) -> str:
        if word == "running":
            return f"Up {self._ago(started)}".rstrip()
        if word in ("stopped", "exited"):
            return f"Exited ({exit_code}) {self._ago(finished)}".rstrip()
        return word.title()

    def _ago(self, moment: float) -> str:
        """How long ago *moment* was; nothing for a time that was never set (Podman counts 292 years)."""
        return "" if moment <= NEVER else f"{human_duration(self._now - moment)} ago"

    def _pod_row(self, item: Item) -> tuple[float, Row]:
        config, state = item.config, item.state
        infra = state.text("InfraContainerID")
        created = _time(config, "created")
        members = [self._by_id[member] for member in item.members if member in self._by_id]
        return created, {
            "Cgroup": config.text("cgroupParent"),
            "Containers": [_member(member) for member in members],
            "Created": config.text("created", ZERO_TIME),
            "CreatedAt": self._ago(created),
            "Id": item.id,
            "InfraId": infra,
            "Name": item.name,
            "Namespace": config.text("namespace"),
            "Networks": sorted(self._by_id[infra].networks) if infra in self._by_id else [],
            "Status": status.pod_status([member.status for member in members if not member.is_initial]),
            "Labels": config.text_map("labels") or {},
        }


_LAST = float("inf")


def moment(item: Item) -> float:
    """When a container was made, in seconds since 1970; a broken one counts as made at the end of time."""
    return _LAST if item.error is not None else _time(item.config, "createdTime")


def _sorted(rows: list[tuple[float, str, Row]], *, newest: bool = False) -> list[Row]:
    """The rows by time, broken ones at the end, and equal ones by name."""
    sign = -1 if newest else 1
    rows.sort(key=lambda entry: (entry[0] == _LAST, sign * entry[0], entry[1]))
    return [row for _time, _name, row in rows]


def _time(fields: Fields, key: str) -> float:
    return parse_time(fields.text(key, ZERO_TIME), source=fields.source, key=key)


def _is_running(item: Item) -> bool:
    return item.status == RUNNING


def _member(item: Item) -> Row:
    word = status.BROKEN if item.error is not None else status.status_name(item.status)
    return {"Id": item.id, "Names": item.name, "Status": word}


def _broken_container(item: Item, error: str) -> Row:
    """A row that makes no claim but the identity: the other values are the ones of an empty record."""
    return {
        "AutoRemove": False,
        "Command": None,
        "CreatedAt": "",
        "Exited": False,
        "ExitedAt": 0,
        "ExitCode": 0,
        "Id": item.id,
        "Image": "",
        "ImageID": "",
        "IsInfra": False,
        "Labels": None,
        "Mounts": [],
        "Names": [item.name],
        "Namespaces": {},
        "Networks": [],
        "Pid": 0,
        "Pod": "",
        "PodName": "",
        "Ports": None,
        "Size": None,
        "StartedAt": 0,
        "State": status.BROKEN,
        "Status": status.BROKEN.title(),
        "Created": 0,
        "Error": error,
    }


def _broken_pod(item: Item, error: str) -> Row:
    return {
        "Cgroup": "",
        "Containers": [],
        "Created": ZERO_TIME,
        "CreatedAt": "",
        "Id": item.id,
        "InfraId": "",
        "Name": item.name,
        "Namespace": "",
        "Networks": [],
        "Status": status.BROKEN.title(),
        "Labels": {},
        "Error": error,
    }


def health(item: Item) -> str:
    """What the last health checks of a container say; "" if it has none."""
    if not item.raw_config.get("healthcheck"):
        return ""
    from libpod.containers import health

    return health.status(item.state.text("runDir"))


def _health(item: Item) -> str:
    word = health(item) if item.status == RUNNING else ""
    return f" ({word})" if word else ""
