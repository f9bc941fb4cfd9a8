"""What we print of a store is what Podman 4.3 prints of the same store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.podman import IMAGE
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

# One container for each option that leaves a trace in `podman inspect`; the command is `true` unless given.
CREATED = {
    "entrypoint": ("--entrypoint", '["/bin/sh","-c"]', IMAGE, "echo hi there this is long", "more"),
    "terminal": ("-it", "--hostname", "named", "--user", "1000:1000", "--workdir", "/data"),
    "environment": ("--env", "X=1", "--label", "a=b", "--annotation", "foo=bar", "--tz", "UTC"),
    "stopping": ("--stop-signal", "TERM", "--stop-timeout", "33", "--timeout", "99", "--umask", "0077"),
    "restarting-on-failure": ("--restart", "on-failure:4"),
    "restarting-always": ("--restart", "always"),
    "memory": ("--memory", "64m", "--memory-reservation", "32m", "--memory-swap", "128m"),
    "swappiness": ("--memory", "10m", "--memory-swappiness", "5", "--oom-kill-disable"),
    "processor": ("--cpus", "1.5", "--cpu-shares", "512", "--cpuset-cpus", "0"),
    "quota": ("--cpu-period", "100000", "--cpu-quota", "5000"),
    "limits": ("--pids-limit", "77", "--ulimit", "nofile=10:20", "--oom-score-adj", "100"),
    "capabilities": ("--cap-add", "SYS_ADMIN,NET_ADMIN", "--cap-drop", "CHOWN", "--user", "1000"),
    "security": ("--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"),
    "privileged": ("--privileged", "--network", "host", "--rm", "--init"),
    "read-only": ("--read-only", "--tmpfs", "/tmpx:size=10m", "--shm-size", "1m"),
    "volumes": ("-v", "data:/data:ro", "-v", "/var/tmp:/host:ro,rslave", "-v", "/etc:/q:z"),
    "temporary": ("--mount", "type=tmpfs,destination=/t2", "-v", "/etc:/shared:shared"),
    "volumes-of-another": ("--volumes-from", "volumes"),
    "names": (
        "--dns",
        "1.2.3.4",
        "--dns-search",
        "ex.com",
        "--dns-opt",
        "ndots:2",
        "--add-host",
        "h:1.1.1.1",
    ),
    "groups": ("--group-add", "55", "--pidfile", "/run/x.pid", "--sdnotify", "ignore"),
    "log": ("--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "tag=tt"),
    "without-log": ("--log-driver", "none"),
    "ports": ("-p", "8080:80", "-p", "127.0.0.1:9000-9002:9000-9002/udp", "-p", "[::1]:8099:80"),
    "exposed": ("--expose", "7777", "-p", "8081:81"),
    "own-namespaces": ("--pid", "private", "--cgroupns", "private", "--uts", "private"),
    "namespaces-of-the-host": ("--pid", "host", "--ipc", "host", "--uts", "host"),
    "without-shared-memory": ("--ipc", "none"),
    "without-network": ("--network", "none"),
    "named-network": ("--network", "lab", "--network-alias", "al1"),
    "fixed-address": ("--mac-address", "92:d0:c6:0a:29:33", "--ip", "10.88.1.1"),
    "mapped": ("--network", "none", "--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"),
    "through-another": (
        "--network",
        "container:ports",
        "--pid",
        "container:ports",
        "--ipc",
        "container:ports",
    ),
    "needs-another": ("--requires", "ports"),
    "health": ("--health-cmd", "true", "--health-interval", "10s"),
    "health-kills": ("--health-cmd", "true", "--health-on-failure", "kill"),
    "without-health": ("--no-healthcheck",),
    "device": ("--device", "/dev/null:/dev/nx", "--device", "/dev/zero"),
    "block-device": ("--device-read-bps", "/dev/loop0:1mb"),
    "cgroup": ("--cgroup-parent", "/foo"),
    "systemd": ("--systemd", "always"),
    "id-file": ("--cidfile", "/run/cid"),
    "in-pod": ("--pod", "pod"),
    "in-pod-without-infra": ("--pod", "pod-without-infra"),
}
# Where the answer is not in the database: in the image store, Podman's own configuration, a log, /dev.
NOT_OURS = {
    "ImageDigest",
    "GraphDriver.Data",
    "HostConfig.CapAdd",
    "HostConfig.CapDrop",
}
ONLY_SOMETIMES = {"block-device": {"HostConfig.BlkioDeviceReadBps"}}
UNORDERED = {"Dependencies", "SharedNamespaces"}


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """A store of Podman 4.3 with a container for each option; nothing runs."""
    store = make_store(PODMAN_4)
    store.podman("network", "create", "--subnet", "10.90.0.0/24", "lab")
    store.podman("volume", "create", "--label", "a=b", "data")
    infra = ("--infra-image", IMAGE, "--infra-command", "sleep 100000")
    store.podman(
        "pod", "create", "--name", "pod", *infra, "--hostname", "host", "--label", "q=w", "-p", "81:80"
    )
    store.podman("pod", "create", "--name", "pod-without-infra", "--infra=false")
    for name, options in CREATED.items():
        command = () if IMAGE in options else (IMAGE, "true")
        # Podman warns of what a container cannot have here.
        result = store.podman("create", "--name", name, *options, *command, check=False)
        assert result.status == 0, result
    return store


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Where *ours* has another value than *theirs*, or a key that is not there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            inner = f"{place}.{key}" if place else key
            if key in theirs:
                yield from differences(value, theirs[key], inner)
            else:
                yield f"{inner}: Podman does not have it"
    elif place in UNORDERED and sorted(ours) == sorted(theirs):
        return
    elif ours != theirs:
        yield f"{place}: {ours!r}, and Podman has {theirs!r}"


def missing(ours: dict[str, Any], theirs: dict[str, Any], place: str = "") -> Iterator[str]:
    """The keys that only *theirs* has."""
    for key, value in theirs.items():
        inner = f"{place}.{key}" if place else key
        if key not in ours:
            yield inner
        elif isinstance(value, dict) and isinstance(ours[key], dict):
            yield from missing(ours[key], value, inner)


def decoded(text: str) -> Any:
    """The value of this JSON."""
    return json.loads(text)


def check_inspection(store: Store, names: list[str]) -> None:
    """Compare what both programs say of these containers."""
    # Podman may rewrite a state when it looks at it: it goes first.
    theirs = {item["Name"]: item for item in decoded(store.podman("inspect", *names).stdout)}
    ours = {item["Name"]: item for item in decoded(store.libpod("inspect", *names).stdout)}
    found = {name: list(differences(ours[name], theirs[name])) for name in names}
    assert {name: places for name, places in found.items() if places} == {}
    for name in names:
        absent = set(missing(ours[name], theirs[name])) - NOT_OURS
        assert absent <= {place for places in ONLY_SOMETIMES.values() for place in places}, (name, absent)
        if name in ONLY_SOMETIMES:
            assert absent == ONLY_SOMETIMES[name]


def check_lists(store: Store) -> None:
    """Compare the lists of both programs, as JSON and as text."""
    for command in (("ps", "-a"), ("ps",), ("pod", "ps")):
        theirs = decoded(store.podman(*command, "--format", "json").stdout)
        ours = decoded(store.libpod(*command, "--format", "json").stdout)
        assert [item["Id"] for item in ours] == [item["Id"] for item in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            for row in (mine, other):
                for key in ("CreatedAt", "PodName"):
                    row.pop(key, None)
                row["Status"] = without_age(row["Status"])
            assert mine == other
        for flags in ((), ("-q",), ("--no-trunc",)):
            theirs = without_ages(store.podman(*command, *flags).stdout)
            assert without_ages(store.libpod(*command, *flags).stdout) == theirs


AGE = r"(Less than a second|About an? (minute|hour)|\d+ (second|minute|hour|day)s?) ago"


def without_age(text: str) -> str:
    """A cell of a list without the time that has passed, which grows between two looks.

    A container whose end nobody saw has no such time; Podman counts from the year 1, as far as it can.
    """
    return re.sub(AGE, "AGE", text.replace(" 292 years ago", ""))


def without_ages(table: str) -> list[list[str]]:
    """The cells of a table without ages."""
    return [re.split(r"\s{2,}", without_age(line).rstrip()) for line in table.splitlines()]


def test_containers_that_were_created(store: Store) -> None:
    check_inspection(store, list(CREATED))


def test_lists(store: Store) -> None:
    check_lists(store)


def test_pods_and_volumes(store: Store) -> None:
    for pod in ("pod", "pod-without-infra"):
        theirs = decoded(store.podman("pod", "inspect", pod).stdout)
        ours = decoded(store.libpod("pod", "inspect", pod).stdout)
        assert list(differences(ours, theirs)) == []
        assert list(missing(ours, theirs)) == []
    theirs = decoded(store.podman("volume", "inspect", "data").stdout)
    assert decoded(store.libpod("inspect", "data").stdout) == theirs


def test_containers_in_every_state(make_store: MakeStore) -> None:
    """Running, paused and ended ones, in networks and with volumes, as they are and after the next boot."""
    store = make_store(populated=True)
    store.refresh()
    for name in ("running", "paused", "with-network", "in-its-network", "with-volumes", "in-pod"):
        store.podman("start", name)
    store.podman("pause", "paused")
    store.podman("exec", "-d", "running", "sleep", "100000")
    names = list(store.states())
    check_inspection(store, names)
    check_lists(store)
    store.reboot()
    store.refresh()
    check_inspection(store, names)
    check_lists(store)


def test_a_store_of_podman_5(make_store: MakeStore) -> None:
    """Its lists have grown other words; who is there, in which state, is the same."""
    store = make_store(PODMAN_5, populated=True)
    store.refresh()
    theirs = {item["Id"]: item for item in decoded(store.podman("ps", "-a", "--format", "json").stdout)}
    ours = {item["Id"]: item for item in decoded(store.libpod("ps", "-a", "--format", "json").stdout)}
    assert set(ours) == set(theirs)
    for identifier, row in ours.items():
        for key in ("Names", "State", "Image", "ImageID", "Command", "ExitCode", "Pod", "IsInfra", "Created"):
            assert row[key] == theirs[identifier][key], (row["Names"], key)
    names = [item["Names"][0] for item in ours.values()]
    theirs = {item["Name"]: item for item in decoded(store.podman("inspect", *names).stdout)}
    for item in decoded(store.libpod("inspect", *names).stdout):
        other = theirs[item["Name"]]
        for key in ("Id", "Created", "Path", "Args", "Image", "ImageName", "StaticDir", "Mounts", "Pod"):
            assert item[key] == other[key], (item["Name"], key)
        for key in ("Status", "Pid", "ExitCode", "StartedAt", "FinishedAt"):
            assert item["State"][key] == other["State"][key], (item["Name"], key)
