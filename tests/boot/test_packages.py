"""The Debian packages: what is in them, and what they do to a host with containers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.boot import podman
from tests.boot.packages import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.boot.machine import Machine


def contents(package: Path) -> set[str]:
    """Return the files in a package."""
    listing = subprocess.run(
        ["dpkg", "--contents", package], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[5].removeprefix(".") for line in listing.splitlines() if not line.startswith("d")}


def test_library_package_holds(packages: list[Path]) -> None:
    assert packages[0].name.startswith("python3-libpod_")
    assert {
        "/usr/bin/libpod",
        "/usr/lib/python3/dist-packages/libpod/py.typed",
        "/usr/lib/python3/dist-packages/libpod/version.py",
        "/usr/share/bash-completion/completions/libpod",
        "/usr/share/man/man1/libpod.1.gz",
        "/usr/share/zsh/vendor-completions/_libpod",
    } <= contents(packages[0])
    assert not [path for path in contents(packages[0]) if "/tests/" in path]


def test_unit_package_holds(packages: list[Path]) -> None:
    assert packages[1].name.startswith("runtime-refresh_")
    assert {
        "/lib/systemd/system/runtime-refresh.service",
        "/usr/lib/systemd/user/runtime-refresh.service",
        "/usr/lib/tmpfiles.d/runtime-refresh.conf",
        "/usr/share/man/man8/runtime-refresh.8.gz",
    } <= contents(packages[1])


def test_lintian_is_content(packages: list[Path], require_tool: Callable[[str], str]) -> None:
    changes = next(packages[0].parent.glob("*.changes"))
    command = [require_tool("lintian"), "--allow-root", "--fail-on", "error,warning", str(changes)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def test_building_again_gives_the_same_packages(packages: list[Path], tmp_path: Path) -> None:
    build(tmp_path)
    for package in packages:
        assert (tmp_path / package.name).read_bytes() == package.read_bytes()


@pytest.fixture(scope="module")
def host(bare: Machine) -> Machine:
    """Return a booted machine without our packages, with a running container of Podman's."""
    bare.start()
    podman.import_image(bare)
    podman.run(bare, "live", "--volume", "data:/data")
    return bare


def test_installing_starts_nothing(host: Machine) -> None:
    before = podman.process(host, "live")
    host.shell(podman.INSTALL)
    state = podman.unit(host)
    assert (state["ActiveState"], state["UnitFileState"]) == ("inactive", "enabled")
    assert podman.process(host, "live") == before


def test_first_start_among_live_containers_resets_none(host: Machine) -> None:
    before = podman.process(host, "live")
    host.run("systemctl", "start", "runtime-refresh.service")
    assert podman.unit(host)["ActiveState"] == "active"
    assert podman.process(host, "live") == before
    assert podman.states(host) == {"live": "running"}


def test_upgrading_leaves_the_unit_alone(host: Machine) -> None:
    before = podman.unit(host)["ExecMainStartTimestampMonotonic"]
    host.shell(podman.INSTALL)
    state = podman.unit(host)
    assert (state["ActiveState"], state["ExecMainStartTimestampMonotonic"]) == ("active", before)


def test_removal_leaves_containers_alone(host: Machine) -> None:
    before = podman.process(host, "live")
    host.run("dpkg", "--purge", "runtime-refresh", "python3-libpod")
    assert host.run("sh", "-c", "command -v libpod", check=False).returncode != 0
    assert podman.process(host, "live") == before
    assert podman.states(host) == {"live": "running"}
    assert host.run("podman", "exec", "live", "echo", "hello").stdout == "hello\n"
    assert host.run("podman", "volume", "ls", "--quiet").stdout == "data\n"
    assert (
        host.run("find", "/etc", "/lib/systemd", "/usr/lib/systemd", "-name", "runtime-refresh*").stdout == ""
    )


def test_after_removal_the_next_boot_is_podmans(host: Machine) -> None:
    host.kill()
    host.start()
    assert podman.states(host) == {"live": "created"}
    assert host.run("podman", "start", "live").stderr == ""
