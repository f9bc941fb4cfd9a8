"""Containers whose first process is systemd."""

from __future__ import annotations

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import finalize, systemdmode


@pytest.mark.parametrize(
    ("mode", "command", "expected"),
    [
        ("true", ["/sbin/init"], True),
        ("true", ["/usr/sbin/init", "3"], True),
        ("true", ["/usr/local/sbin/init"], True),
        ("true", ["/lib/systemd/systemd"], True),
        ("true", ["systemd"], True),
        ("true", ["/bin/sh", "-c", "/sbin/init"], True),
        ("true", ["sh", "-c", "/sbin/init"], False),
        ("true", ["/bin/sh", "-c"], False),
        ("true", ["/bin/init"], False),
        ("true", ["init"], False),
        ("true", ["/run/podman-init", "--", "/sbin/init"], False),
        ("false", ["/sbin/init"], False),
        ("always", ["true"], True),
    ],
)
def test_wanted(mode: str, command: list[str], *, expected: bool) -> None:
    assert systemdmode.wanted(mode, command) is expected


def test_modes_that_cannot_be() -> None:
    with pytest.raises(InvalidArgument, match="one of false, true, always"):
        systemdmode.wanted("1", ["true"])
    with pytest.raises(InvalidArgument, match="exclude each other"):
        systemdmode.wanted("always", ["true"], init=True)
    assert not systemdmode.wanted("true", ["/run/podman-init"], init=True)


def _finalized(tmp_path_text: str, version: int, **changes: object) -> dict[str, object]:
    stored = {
        "process": {"args": ["/sbin/init"]},
        "mounts": [
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
        ],
        "linux": {"maskedPaths": ["/proc/kcore"], **changes},
    }
    facts = finalize.StartFacts(
        "f" * 64, tmp_path_text, "", "2020-01-01T00:00:00Z", 37, systemd=True, cgroup_version=version
    )
    return finalize.finalize(stored, facts)


@pytest.mark.parametrize(
    ("namespaces", "kind", "options"),
    [([], "bind", ["bind", "private", "rw"]), ([{"type": "cgroup"}], "cgroup", ["private", "rw"])],
)
def test_version_2(tmp_path: object, namespaces: list[object], kind: str, options: list[str]) -> None:
    """The one hierarchy can be written, whether it is the container's own part or the host's."""
    found = _finalized(str(tmp_path), 2, namespaces=namespaces)
    mounts = found["mounts"]
    assert isinstance(mounts, list)
    (cgroups,) = [mount for mount in mounts if mount["destination"].startswith("/sys/fs/cgroup")]
    assert (cgroups["type"], cgroups["options"]) == (kind, options)
    linux = found["linux"]
    assert isinstance(linux, dict)
    assert linux["maskedPaths"] == ["/proc/kcore"]


def test_without_control_groups(tmp_path: object) -> None:
    mounts = _finalized(str(tmp_path), 0)["mounts"]
    assert isinstance(mounts, list)
    assert {mount["destination"] for mount in mounts} == {
        "/run", "/run/lock", "/tmp", "/var/log/journal", "/sys/fs/cgroup",
    }  # fmt: skip
