"""The units and the tmpfiles.d file, judged by systemd itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.boot import podman

if TYPE_CHECKING:
    from tests.boot.machine import Machine

SYSTEM_UNIT = "/lib/systemd/system/runtime-refresh.service"
USER_UNIT = "/usr/lib/systemd/user/runtime-refresh.service"
# systemd-analyze's scale, times ten: 96 without any restriction, 50 and less are "OK".
EXPOSURE = 50


@pytest.mark.parametrize(
    ("manager", "unit"),
    [pytest.param("--system", SYSTEM_UNIT, id="system"), pytest.param("--user", USER_UNIT, id="user")],
)
def test_verify_finds_nothing(machine: Machine, manager: str, unit: str) -> None:
    machine.run("mkdir", "-p", "/run/user/0")
    # The man pages are left out: minimal systems do not install them.
    result = machine.run(
        "systemd-analyze", manager, "verify", "--man=no", unit, environment={"XDG_RUNTIME_DIR": "/run/user/0"}
    )
    assert result.stdout + result.stderr == ""


def test_boot_has_no_ordering_cycle(machine: Machine) -> None:
    assert podman.journal(machine, "--grep", "ordering cycle", "--identifier", "systemd") == []


def test_exposure(machine: Machine) -> None:
    machine.run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", SYSTEM_UNIT)


def test_no_mount_namespace(machine: Machine) -> None:
    """What the refresh unmounts must be gone on the host, not in a copy of its mounts."""
    drop_in = "[Service]\nExecStartPost=/bin/sh -c 'readlink /proc/self/ns/mnt > /run/namespace'\n"
    machine.write("/etc/systemd/system/runtime-refresh.service.d/test.conf", drop_in)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "runtime-refresh.service")
    assert machine.run("cat", "/run/namespace").stdout == machine.run("readlink", "/proc/1/ns/mnt").stdout


def test_directory_is_there_for_others(machine: Machine) -> None:
    assert machine.run("stat", "--format=%a %U %G", "/run/libpod").stdout == "751 root root\n"


def test_ageing_removes_nothing(machine: Machine) -> None:
    """In a tree of its own, where everything else is too old: rules like these would end this machine."""
    kept = ["/run/libpod/alive", "/run/libpod/exits/1", "/tmp/run-1000/libpod/tmp/alive"]
    kept += ["/tmp/user/1000/libpod/tmp/alive", "/tmp/storage-run-1000/lock"]
    machine.write("/srv/old/etc/tmpfiles.d/eager.conf", "e /run 0755 root root 0\nq /tmp 1777 root root 0\n")
    machine.shell("cd /usr/lib/tmpfiles.d; cp runtime-refresh.conf x11.conf /srv/old/etc/tmpfiles.d")
    for path in [*kept, "/tmp/other", "/run/other"]:
        machine.write(f"/srv/old{path}", "")
    machine.run("systemd-tmpfiles", "--root=/srv/old", "--clean")
    left = machine.run("find", "/srv/old/run", "/srv/old/tmp", "-type", "f", "-printf", "/%P\n").stdout
    assert sorted(left.split()) == sorted(path.removeprefix("/run").removeprefix("/tmp") for path in kept)


def test_running_tmpfiles_again_harms_no_live_container(machine: Machine) -> None:
    podman.run(machine, "live")
    before = machine.run(
        "find", "/run/libpod", "/run/containers", "-path", "*/merged/*", "-prune", "-o", "-print"
    )
    for arguments in (("--create",), ("--remove",), ("--create", "--remove", "--boot")):
        machine.run("systemd-tmpfiles", *arguments, "runtime-refresh.conf")
    after = machine.run(
        "find", "/run/libpod", "/run/containers", "-path", "*/merged/*", "-prune", "-o", "-print"
    )
    assert after.stdout == before.stdout
    podman.process(machine, "live")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("libpod", "libpod(1)", id="libpod"),
        pytest.param("runtime-refresh", "runtime-refresh(8)", id="unit"),
    ],
)
def test_documentation_key_names_a_page(machine: Machine, command: str, expected: str) -> None:
    assert f"man:{expected}" in podman.unit(machine)["Documentation"]
    section = expected[-2]
    machine.run("test", "-s", f"/usr/share/man/man{section}/{command}.{section}.gz")


MOUNT = """
[Unit]
DefaultDependencies=no
Requires=slow.service
After=slow.service
[Mount]
What=/srv/disk
Where=/srv/store
Type=none
Options=bind
"""
SLOW = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 2\n"


def test_store_on_a_slow_mount_is_waited_for(machine: Machine) -> None:
    """A mount that nothing else asks for; without it the refresh would look at the empty directory below."""
    machine.path("/srv/disk").mkdir()
    machine.write("/etc/systemd/system/srv-store.mount", MOUNT)
    machine.write("/etc/systemd/system/slow.service", SLOW)
    drop_in = "[Unit]\nRequiresMountsFor=/srv/store\n"
    machine.write("/etc/systemd/system/runtime-refresh.service.d/store.conf", drop_in)
    machine.kill()
    machine.start()
    mounted = int(podman.unit(machine, "srv-store.mount")["ActiveEnterTimestampMonotonic"])
    refreshed = int(podman.unit(machine)["ExecMainStartTimestampMonotonic"])
    assert 0 < mounted <= refreshed


def test_what_keeps_the_refresh_from_finishing_fails_the_unit(machine: Machine) -> None:
    machine.run("mv", "/etc/containers/containers.conf", "/etc/containers/kept")
    machine.write("/etc/containers/containers.conf", "[engine\n")
    try:
        assert machine.run("systemctl", "restart", "runtime-refresh.service", check=False).returncode == 1
        state = podman.unit(machine)
        assert (state["ActiveState"], state["ExecMainStatus"]) == ("failed", "125")
        said = [entry["MESSAGE"] for entry in podman.journal(machine, "--unit", "runtime-refresh.service")]
        assert any("/etc/containers/containers.conf" in line for line in said)
    finally:
        machine.run("mv", "/etc/containers/kept", "/etc/containers/containers.conf")
    machine.run("systemctl", "restart", "runtime-refresh.service")
    assert podman.unit(machine)["ActiveState"] == "active"
