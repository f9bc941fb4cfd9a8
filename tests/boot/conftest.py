"""The packages of this tree, and machines that have them installed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests import tools, trees
from tests.boot import podman
from tests.boot.machine import Machine
from tests.boot.packages import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOURNAL = (
    "journalctl",
    "--boot",
    "--unit",
    "runtime-refresh.service",
    "--no-pager",
    "--output",
    "short-monotonic",
)
TOOLS = ("mmdebstrap", "systemd-nspawn", "dpkg-buildpackage", "setpriv", "nsenter")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Iterator[None]:
    """Add what the machine's journal says of the unit to a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for machine in {
        value for value in item.funcargs.values() if isinstance(value, Machine) and value.running
    }:
        result = machine.run(*JOURNAL, check=False)
        report.sections.append(("journal of runtime-refresh.service", result.stdout + result.stderr))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build the Debian packages once for all test processes; python3-libpod comes first."""
    tools.require_root()
    for tool in TOOLS:
        tools.require_tool(tool)
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    output = shared / "packages"
    with open(shared / "packages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(output.glob("*.changes")):
            build(output)
    return sorted(output.glob("*.deb"))


@pytest.fixture(scope="module")
def bare(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine with Podman, that is off; our packages are in its /root, not installed."""
    with _machine(packages, tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="module")
def machine(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a booted machine that has our packages installed, and an image in Podman's store."""
    with _machine(packages, tmp_path_factory.mktemp("machine")) as machine:
        machine.run_off("sh", "-euc", podman.INSTALL)
        machine.start()
        podman.import_image(machine)
        yield machine


@contextlib.contextmanager
def _machine(packages: list[Path], room: Path) -> Iterator[Machine]:
    """Return a machine that is off and knows our packages and the settings that Podman needs in it."""
    with Machine.create(trees.ensure(trees.DEBIAN_12), room) as machine:
        machine.write("/etc/containers/containers.conf", podman.SETTINGS)
        for package in packages:
            shutil.copy(package, machine.path("/root"))
        yield machine
