"""Rules that hold for every test, and the fixtures that all of them share.

Unit tests start no process and open no network connection; where a process is the point of a test, it has the
marker ``starts_processes``. No test leaves a process, a mount or a network namespace behind.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import leftovers, tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
PROCESS_EVENTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"})
NETWORK_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
NAMESPACES = pytest.StashKey[set[str]]()


class Guard:
    """Watches this interpreter's audit events. A hook cannot be taken out, only told to look away."""

    forbidding = False

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        """Raise when a unit test starts a program or asks for the network. Forking alone is allowed."""
        if not self.forbidding:
            return
        if event in PROCESS_EVENTS:
            raise RuntimeError(f"a unit test starts a process: {event} {arguments[:2]}")
        if event in NETWORK_EVENTS or (event == "socket.connect" and isinstance(arguments[1], tuple)):
            raise RuntimeError(f"a unit test uses the network: {event} {arguments}")


# What starts the tests may ignore them, as nohup does, and every program that a test starts would, too.
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

guard = Guard()
sys.addaudithook(guard.hook)


def is_unit_test(item: pytest.Item | pytest.FixtureRequest) -> bool:
    """Tell whether this test is below tests/unit."""
    return (HERE / "unit") in item.path.parents


@pytest.fixture(autouse=True)
def starts_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forbid processes and network in unit tests."""
    marker = request.node.get_closest_marker("starts_processes")
    guard.forbidding = is_unit_test(request) and marker is None
    yield
    guard.forbidding = False


@pytest.fixture(autouse=True)
def leaves_nothing_behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Fail a test that leaves processes or mounts behind, and end them for the sake of the next test."""
    ours = os.fspath(tmp_path_factory.getbasetemp())
    thorough = not is_unit_test(request)
    before = _processes(ours, thorough=thorough), _mounts(ours, thorough=thorough)
    yield
    processes = leftovers.ending(_processes(ours, thorough=thorough) - before[0] - leftovers.kept)
    mounts = [point for point in _mounts(ours, thorough=thorough) if point not in before[1]]
    if not processes and not mounts:
        return
    found = [f"process {pid}: {leftovers.command_line(pid)}" for pid in sorted(processes)]
    found += [f"mount {point}" for point in mounts]
    leftovers.end(processes)
    leftovers.unmount(mounts)
    pytest.fail("left behind:\n  " + "\n  ".join(found), pytrace=False)


def _processes(directory: str, *, thorough: bool) -> set[int]:
    """Return our processes; a unit test has children only."""
    children = leftovers.children()
    return children | leftovers.processes_naming(directory) if thorough else children


def _mounts(directory: str, *, thorough: bool) -> list[str]:
    """Return our mounts; a unit test cannot make any."""
    return leftovers.mounts_below(directory) if thorough else []


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember the network namespaces. Names do not tell whose they are: one look at a session."""
    session.config.stash[NAMESPACES] = leftovers.network_namespaces()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report new network namespaces; under ``CI=true``, where nobody else is at work, they are a failure."""
    before = session.config.stash[NAMESPACES]
    left = leftovers.network_namespaces() - before
    if not left or "PYTEST_XDIST_WORKER" in os.environ:
        return
    print(f"\nnetwork namespaces left behind: {sorted(left)}")
    if tools.ON_CI:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Return the function that gives a program's path or ends the test (`tests.tools.require_tool`)."""
    return tools.require_tool
