"""The `config.json` that we write, beside the one that Podman 4.3 writes for the same flags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import schema
from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.stores import MakeStore

# What one of them makes itself, so that either may leave it out.
BUILT_IN_DEVICES = ("/dev/full", "/dev/null", "/dev/ptmx", "/dev/tty", "/dev/zero")
MAPPED = ("--uidmap", "0:100000:65536")
# One container each: flags that change different parts are tried together.
FLAGS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "process": (
        "-t", "-e", "A=b", "--hostname", "box", "-w", "/data", "--group-add", "7", "--umask", "0077",
        "--ulimit", "nofile=100:200", "--ulimit", "nproc=50:60", "--security-opt", "no-new-privileges",
        "--oom-score-adj", "100", "--stop-signal", "INT", "--annotation", "x=y", "-i", "--entrypoint",
        "sleep",
    ),
    "user by number": ("-u", "1000:1000"),
    "user by name": ("-u", "root", "--rm"),
    "user with a capability": ("-u", "5", "--cap-add", "NET_ADMIN"),
    "capabilities": ("--cap-add", "NET_ADMIN", "--cap-drop", "KILL"),
    "no capability": ("--cap-drop", "ALL"),
    "all capabilities": ("--cap-add", "ALL"),
    "privileged": ("--privileged",),
    "privileged user": ("--privileged", "-u", "5", "--pid", "host"),
    "read-only": ("--read-only",),
    "read-only with /tmp": ("--read-only", "-v", "/tmp:/tmp"),
    "unconfined": ("--security-opt", "seccomp=unconfined", "--security-opt", "mask=/data:/tmp"),
    "unmasked": ("--security-opt", "unmask=ALL"),
    "unmasked paths": ("--security-opt", "unmask=/proc/kcore:/proc/sys"),
    "mounts": ("-v", "/tmp:/data", "--tmpfs", "/a:size=1m", "--mount", "type=bind,src=/etc,dst=/b,ro"),
    "slave mount": ("-v", "/tmp:/data:ro,slave", "--mount", "type=tmpfs,dst=/c,tmpfs-size=1m"),
    "tmpfs on /dev/shm": ("--tmpfs", "/dev/shm", "--tmpfs", "/data"),
    "device": ("--device", "/dev/kmsg:/dev/other:r", "--sysctl", "net.ipv4.ip_forward=1"),
    "memory": ("-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m", "--cpus", "0.5"),
    "memory alone": ("-m", "64m", "--cpu-shares", "5", "--cpuset-cpus", "0", "--pids-limit", "77"),
    "no limit of processes": ("--pids-limit", "-1"),
    "network of the host": ("--network", "host", "--add-host", "a:1.2.3.4"),
    "namespaces of the host": ("--pid", "host", "--uts", "host", "--cgroupns", "private"),
    "first process": ("--init", "--init-path", "/usr/bin/catatonit"),
    "environment": (
        "--unsetenv", "TERM", "--env-merge", "PATH=${PATH}:/x", "-e", "A=b", "--no-hosts", "--timeout", "9",
    ),
    "CPU time": ("--cpu-period", "50000", "--cpu-quota", "20000", "--cpu-shares", "5"),
    "memory that is swapped": ("-m", "64m", "--memory-swappiness", "33", "--oom-kill-disable"),
    "other roots": ("--chrootdirs", "/data", "--no-healthcheck"),
    "read-only all over": ("--read-only", "--read-only-tmpfs=false", "--passwd-entry", "a:x:$UID:9:::"),
    "systemd": ("--systemd", "always"),
    "systemd with mounts": ("--systemd=always", "-v", "/tmp:/tmp", "--tmpfs", "/var/log/journal:size=1m"),
    "rules for devices": ("--device-cgroup-rule", "c 10:* rw", "--device-cgroup-rule", "b 8:1 m"),
    "mapped": MAPPED,
    "mapped without a terminal group": ("--uidmap", "0:100000:3"),
    "mapped, network of the host": (*MAPPED, "--network", "host"),
    "mapped, processes of the host": (*MAPPED, "--pid", "host"),
    "mapped and privileged": (*MAPPED, "--privileged"),
}  # fmt: skip
# Test processes share the work.
PARTS = 4
# Where we differ, by the beginning of the path, and why.
ALLOWED = {
    # 0 and no limit at all are the same to the runtimes.
    ".linux.resources.pids": "no limit of processes",
    # The tmpfs on /run would hide it; with us it stays, as it does without --read-only.
    ".mounts[/run/.containerenv]": "read-only",
    # What the runtime does by itself, and the specification has no word for.
    ".linux.rootfsPropagation": "slave mount",
}


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    store = make_store()
    # Files are hidden in the machine's /proc, so that nobody may mount one in a user namespace.
    store.machine.run(["sh", "-c", "mkdir -p /run/whole-proc && mount -t proc proc /run/whole-proc"])
    return store


@pytest.mark.parametrize("part", range(PARTS))
def test_it_is_podmans(store: Store, part: int) -> None:
    found = {name: differences(store, FLAGS[name]) for name in list(FLAGS)[part::PARTS]}
    assert {name: lines for name, lines in found.items() if lines} == {}


def differences(store: Store, flags: tuple[str, ...]) -> list[str]:
    """The lines in which the two specifications differ; ours has no fault either."""
    theirs = dict(flat(comparable(written_by(store, store.podman, flags))))
    specification = written_by(store, store.libpod, flags)
    ours = dict(flat(comparable(specification)))
    lines = [
        f"{path}: {theirs.get(path)} | ours: {ours.get(path)}"
        for path in sorted(theirs | ours)
        if theirs.get(path) != ours.get(path) and not path.startswith(tuple(ALLOWED))
    ]
    return lines + schema.faults(specification)


# What is not in the stored specification, but made at each start.
AT_EACH_START = (
    "--systemd=always", "--tz", "local", "--no-hosts", "--chrootdirs", "/data",
    "--network", "host", "-u", "7:8",
)  # fmt: skip


def test_what_podman_has_made_comes_up_the_same(store: Store) -> None:
    theirs = dict(flat(comparable(written_by(store, store.podman, AT_EACH_START))))
    ours = dict(flat(comparable(written_by(store, store.podman, AT_EACH_START, store.libpod))))
    assert "/tmp" in ours[".mounts[/tmp].destination"]
    assert {path: (theirs.get(path), ours.get(path)) for path in theirs | ours} == {
        path: (value, value) for path, value in theirs.items()
    }


def written_by(store: Store, program: Any, flags: tuple[str, ...], starter: Any = None) -> dict[str, Any]:
    """The specification of a container that *program* has made, and *starter*, else *program*, brought up."""
    network = () if "--network" in flags else ("--network", "none")
    limits = () if "--ulimit" in flags else ("--ulimit", "nofile=99:99", "--ulimit", "nproc=99:99")
    identifier = program(
        "create", "--name", "c", *network, *limits, *flags, IMAGE, "sleep", "9"
    ).stdout.strip()
    (starter or program)("init", "c")
    path = store.path(f"{store.root}/overlay-containers/{identifier}/userdata/config.json")
    text = path.read_text()
    for size, word in ((None, "ID"), (32, "UUID"), (12, "SHORT")):
        text = text.replace(identifier[:size], word)
    # Where the machine is slow, runc has to try again to remove a control group, and says so.
    removed = program("rm", "-f", "-t", "0", "c", check=False)
    assert removed.status == 0, removed
    specification = json.loads(text)
    assert isinstance(specification, dict)
    return specification


def comparable(specification: dict[str, Any]) -> dict[str, Any]:
    """The specification without what differs from start to start, and with lists that are sets sorted."""
    found: dict[str, Any] = json.loads(json.dumps(specification))
    found["root"]["path"] = ""
    del found["annotations"]["io.kubernetes.cri-o.Created"]
    process, linux = found["process"], found["linux"]
    process["env"].sort()
    process["user"].get("additionalGids", []).sort()
    process["capabilities"] = {kind: names for kind, names in process["capabilities"].items() if names}
    for key in ("maskedPaths", "readonlyPaths"):
        linux.get(key, []).sort()
    # Podman writes the bits of the file type into the mode, too.
    linux["devices"] = [
        {**device, "fileMode": device["fileMode"] & 0o7777}
        for device in linux.get("devices", [])
        if device["path"] not in BUILT_IN_DEVICES
    ]
    if "seccomp" in linux:
        rules = linux["seccomp"]["syscalls"]
        linux["seccomp"]["syscalls"] = sorted(json.dumps(rule, sort_keys=True) for rule in rules)
    return found


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every single value with its path; objects in lists go by what they are about."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            name = inner.get("destination") or inner.get("path") or inner.get("type") or number
            yield from flat(inner, f"{path}[{name}]")
    else:
        yield path, json.dumps(value)
