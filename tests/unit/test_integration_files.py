"""Units, tmpfiles.d and packages: what they must say, and which trap each line avoids."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from libpod import version
from libpod.boot import messages

TOP = Path(__file__).parents[2]
SYSTEM = TOP / "systemd" / "system" / "runtime-refresh.service"
USER = TOP / "systemd" / "user" / "runtime-refresh.service"
UNITS = [pytest.param(SYSTEM, id="system"), pytest.param(USER, id="user")]

# Each gives the service a mount namespace: what it unmounts stays mounted on the host (systemd.exec(5)).
MOUNT_NAMESPACE = (
    "BindPaths",
    "BindReadOnlyPaths",
    "InaccessiblePaths",
    "MountFlags",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateNetwork",
    "PrivateTmp",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RootDirectory",
    "TemporaryFileSystem",
)


def settings(unit: Path) -> dict[str, str]:
    """Return the settings of *unit*; repeated ones are joined with a space."""
    found: dict[str, str] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found[key] = f"{found[key]} {value}" if key in found else value
    return found


def tmpfiles() -> list[list[str]]:
    """Return the lines of the tmpfiles.d file as words."""
    text = (TOP / "tmpfiles.d" / "runtime-refresh.conf").read_text()
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "oneshot"),
        pytest.param("RemainAfterExit", "yes", id="later-pull-ins-do-not-start-it-again"),
        pytest.param("TimeoutStartSec", "5min", id="a-oneshot-has-no-time-limit-of-its-own"),
        pytest.param("SuccessExitStatus", "1", id="a-quarantined-object-fails-no-other-unit"),
        ("ExecStart", "/usr/bin/libpod refresh"),
        ("UMask", "0077"),
    ],
)
def test_unit_says(unit: Path, key: str, value: str) -> None:
    assert settings(unit)[key] == value


@pytest.mark.parametrize("unit", UNITS)
def test_unit_waits_for_services_only(unit: Path) -> None:
    """Before=podman.socket is a cycle through basic.target, and systemd then drops all sockets."""
    before = settings(unit)["Before"].split()
    assert "podman.service" in before
    assert [name for name in before if not name.endswith(".service")] == []


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("RuntimeDirectory", id="removed-when-the-unit-stops"),
        pytest.param("StateDirectory", id="chowned-on-start"),
        pytest.param("Restart", id="no-use-in-a-loop"),
        pytest.param("Delegate", id="starts-no-container"),
        pytest.param("Requires", id="nothing-may-keep-it-from-running"),
    ],
)
def test_unit_does_not_set(unit: Path, key: str) -> None:
    assert key not in settings(unit)


@pytest.mark.parametrize("unit", UNITS)
def test_the_program_decides_whether_the_boot_is_done(unit: Path) -> None:
    """A condition on the alive file would trust one that outlived a reboot on a disk."""
    assert "alive" not in " ".join(settings(unit).values())


@pytest.mark.parametrize("unit", UNITS)
def test_unit_needs_no_network(unit: Path) -> None:
    assert "network" not in " ".join(settings(unit).values())


@pytest.mark.parametrize("unit", UNITS)
def test_unit_makes_no_mount_namespace(unit: Path) -> None:
    assert set(settings(unit)) & set(MOUNT_NAMESPACE) == set()


def test_system_unit_waits_for_its_mounts() -> None:
    assert settings(SYSTEM)["RequiresMountsFor"].split() == [
        "/var/lib/containers",
        "/run/libpod",
        "/run/containers",
    ]


def test_user_unit_names_nothing_of_the_system_manager() -> None:
    """An unknown target is an error there, and sandboxing implies NoNewPrivileges: no newuidmap."""
    unit = settings(USER)
    assert unit["WantedBy"] == "default.target"
    assert not re.search(
        r"\b(multi-user|boot-complete|local-fs|network-online)\.target", " ".join(unit.values())
    )
    assert not [
        key for key in unit if key.startswith(("Restrict", "SystemCall", "NoNew", "Protect", "Memory"))
    ]


def test_user_unit_leaves_alone_who_has_no_store() -> None:
    unit = settings(USER)
    assert unit["ConditionUser"] == "!root"
    assert unit["ConditionPathIsDirectory"] == "|%h/.local/share/containers/storage"


def test_tmpfiles_makes_the_directory_at_its_real_path() -> None:
    assert ["d", "/run/libpod", "0751", "root", "root", "-"] in tmpfiles()
    assert [words for words in tmpfiles() if words[1].startswith("/var/run")] == []


def test_tmpfiles_only_makes_and_protects() -> None:
    """R and D remove what a live container needs; with "!" they guess what a boot has made stale."""
    assert {words[0] for words in tmpfiles()} == {"d", "x"}


@pytest.mark.parametrize(
    "path",
    ["/run/libpod", "/tmp/run-*/libpod", "/tmp/user/*/libpod", "/tmp/storage-run-*", "/tmp/podman-run-*"],
)
def test_tmpfiles_protects_from_ageing(path: str) -> None:
    assert ["x", path] in tmpfiles()


def test_catalog_explains_our_messages() -> None:
    text = (TOP / "systemd" / "catalog" / "runtime-refresh.catalog").read_text()
    assert re.findall(r"^-- (\w+)$", text, re.MULTILINE) == [
        messages.REFRESH,
        messages.QUARANTINE,
    ]


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("packaging/debian/changelog", r"^python-libpod \((.*)-\d+\)"),
        ("packaging/rpm/python-libpod.spec", r"(?m)^Version:\s+(\S+)$"),
    ],
)
def test_version_is_one(path: str, pattern: str) -> None:
    match = re.search(pattern, (TOP / path).read_text())
    assert match is not None
    assert match[1] == version.VERSION


def test_debian_package_starts_and_stops_nothing() -> None:
    rules = (TOP / "packaging" / "debian" / "rules").read_text()
    assert "dh_installsystemd --no-start --no-stop-on-upgrade" in rules


def test_rpm_restarts_nothing() -> None:
    spec = (TOP / "packaging" / "rpm" / "python-libpod.spec").read_text()
    assert "%systemd_postun runtime-refresh.service" in spec
    assert "_with_restart" not in spec
