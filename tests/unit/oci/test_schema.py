"""Every specification is one as the JSON schema of the OCI runtime specification has it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from libpod.oci import spec, units, volumes
from libpod.oci.finalize import StartFacts, finalize
from libpod.oci.options import Namespaces, Resources, SpecOptions
from tests.lab import schema

MAP = ((0, 100000, 65536),)
# Each changes other fields, so that any two can be combined.
CHANGES: Mapping[str, Mapping[str, object]] = {
    "nothing": {},
    "terminal": {"terminal": True},
    "user": {"user": "1000:1000"},
    "hostname": {"hostname": "box"},
    "read only": {"read_only": True},
    "privileged": {"privileged": True},
    "added capability": {"add_capabilities": ["NET_ADMIN"]},
    "dropped capabilities": {"drop_capabilities": ["ALL"]},
    "no new privileges": {"no_new_privileges": True},
    "unconfined": {"seccomp_profile": "unconfined"},
    "apparmor": {"apparmor_profile": "profile"},
    "masked": {"masked_paths": ["/secret"]},
    "unmasked": {"unmasked_paths": ["ALL"]},
    "limits": {"limits": [units.limit("nofile=-1"), units.limit("nproc=5:6")]},
    "sysctls": {"sysctls": {"kernel.shmmax": "1000000"}},
    "devices": {"devices": ["/dev/null:/dev/other:rw", "/dev/zero"]},
    "mounts": {
        "volumes": volumes.parse(["/tmp:/a:ro,slave"], ["type=devpts,dst=/b"], ["/c:size=1m,mode=700"])
    },
    "resources": {
        "resources": Resources(
            memory=1 << 26, memory_reservation=1 << 25, memory_swap=-1, cpu_shares=5, cpu_quota=10_000,
            cpu_period=100_000, cpuset_cpus="0", cpuset_mems="0", pids_limit=-1, oom_score_adj=-5,
        )
    },
    "namespaces of the host": {
        "namespaces": Namespaces(pid="host", network="host", ipc="host", uts="host", cgroup="host")
    },
    "own cgroup namespace": {"namespaces": Namespaces(cgroup="private", network="ns:/proc/self/ns/net")},
    "mapped": {"namespaces": Namespaces(user="private"), "uid_map": MAP},
    "mapped, network of the host": {"namespaces": Namespaces(user="private", network="host"), "gid_map": MAP},
    "joined": {"namespaces": Namespaces(user="container:x", pid="container:x", ipc="container:x")},
    "annotations": {"annotations": {"a": "", "b/c": "d"}},
    "environment": {"environment": {"A": "b=c", "EMPTY": ""}},
    "umask": {"umask": "0777"},
}  # fmt: skip
IMAGE = {"Env": ["PATH=/bin"], "Cmd": ["sh"], "WorkingDir": "/w", "User": "5"}


def faults(change: Mapping[str, object], root: Path, image: Mapping[str, object]) -> list[str]:
    options = SpecOptions(**{"command": ["true"], **change})  # type: ignore[arg-type]
    stored, _warnings = spec.generate(options, image)
    facts = StartFacts(
        "a" * 64, str(root), "/p/libpod-a", "2026-01-01T00:00:00Z", 15, user=options.user, groups=["7"],
        umask=options.umask, bind_mounts={"/dev/shm": "/s", "/etc/hosts": "/h"},
    )  # fmt: skip
    return schema.faults(finalize(stored, facts))


@pytest.mark.parametrize("name", CHANGES)
def test_one_change(name: str, tmp_path: Path) -> None:
    assert faults(CHANGES[name], tmp_path, {}) == []


def test_any_two_changes_together(tmp_path: Path) -> None:
    plain: dict[str, object] = {"seccomp_profile": "unconfined"}
    for first, second in itertools.combinations(CHANGES, 2):
        both = {**plain, **CHANGES[first], **CHANGES[second]}
        if second == "namespaces of the host" and "sysctls" in both:
            # Refused, which other tests show.
            continue
        assert faults(both, tmp_path, IMAGE) == [], (first, second)


@pytest.mark.parametrize(
    "broken",
    [
        {"ociVersion": 1},
        {"ociVersion": "1.0.2", "process": {"args": "a", "cwd": "/"}},
        {"ociVersion": "1.0.2", "mounts": [{"source": "/a"}]},
        {"ociVersion": "1.0.2", "linux": {"namespaces": [{"type": "time travel"}]}},
        {"ociVersion": "1.0.2", "linux": {"resources": {"memory": {"limit": "64m"}}}},
    ],
)  # fmt: skip
def test_the_schema_finds_faults(broken: dict[str, object]) -> None:
    assert schema.faults(broken)
