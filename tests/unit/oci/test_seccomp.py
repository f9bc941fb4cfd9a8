"""Profiles are resolved for one container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from libpod.errors import DecodeError, FileError, InvalidArgument
from libpod.oci import seccomp

PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
    ],
    "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
        {
            "names": ["bpf"],
            "action": "SCMP_ACT_ALLOW",
            "args": None,
            "includes": {"caps": ["CAP_BPF"]},
            "excludes": {},
        },
        {
            "names": ["bpf"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 1,
            "includes": {},
            "excludes": {"caps": ["CAP_BPF"]},
        },
        {
            "names": ["arch_prctl"],
            "action": "SCMP_ACT_ALLOW",
            "includes": {"arches": ["amd64"]},
            "excludes": {},
        },
        {"name": "old", "action": "SCMP_ACT_ALLOW"},
    ],
}


def write(path: Path, value: object) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def names(found: dict[str, object] | None) -> list[str]:
    assert found is not None
    rules = found["syscalls"]
    assert isinstance(rules, list)
    return [f"{rule['names'][0]}:{rule['action']}" for rule in rules]


@pytest.mark.parametrize(
    ("capabilities", "machine", "expected"),
    [
        (
            [],
            "x86_64",
            ["read:SCMP_ACT_ALLOW", "bpf:SCMP_ACT_ERRNO", "arch_prctl:SCMP_ACT_ALLOW", "old:SCMP_ACT_ALLOW"],
        ),
        (["CAP_BPF"], "aarch64", ["read:SCMP_ACT_ALLOW", "bpf:SCMP_ACT_ALLOW", "old:SCMP_ACT_ALLOW"]),
    ],
)
def test_rules_for_capabilities_and_machine(
    tmp_path: Path, capabilities: list[str], machine: str, expected: list[str]
) -> None:
    path = write(tmp_path / "p.json", PROFILE)
    assert names(seccomp.load(path, capabilities, machine=machine)) == expected


def test_architectures_and_top_level_keys(tmp_path: Path) -> None:
    found = seccomp.load(write(tmp_path / "p.json", PROFILE), [], machine="x86_64")
    assert found is not None
    assert found["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert found["defaultErrnoRet"] == 38
    assert "archMap" not in found


def test_unconfined() -> None:
    assert seccomp.load("unconfined", []) is None


def test_without_a_profile_on_the_host_there_is_a_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "DEFAULT_PROFILES", ("/nowhere/seccomp.json",))
    found = seccomp.load(None, [], machine="x86_64")
    assert found is not None
    assert "SCMP_ARCH_X86_64" in found["architectures"]  # type: ignore[operator]
    rules = found["syscalls"]
    assert isinstance(rules, list)
    assert "kexec_load" in rules[0]["names"]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({}, InvalidArgument),
        ({"defaultAction": 1}, InvalidArgument),
        ({"defaultAction": "A", "syscalls": [1]}, InvalidArgument),
        ({"defaultAction": "A", "syscalls": [{"action": "B"}]}, InvalidArgument),
        ({"defaultAction": "A", "syscalls": {}}, DecodeError),
        ([], DecodeError),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"p\.json"):
        seccomp.load(write(tmp_path / "p.json", value), [])


def test_missing_profile_is_named() -> None:
    with pytest.raises(FileError, match=r"/nowhere/p\.json"):
        seccomp.load("/nowhere/p.json", [])
