"""The one machine of a test process, and what is said of it when a test fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests import tools, trees
from tests.vm.agent import AgentError
from tests.vm.guest import USERS, Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = ("mmdebstrap", "mkfs.ext4", "qemu-system-x86_64", "setpriv")
JOURNAL = ("journalctl", "--boot", "--no-pager", "--lines", "60", "--output", "short-monotonic")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Iterator[None]:
    """Add the end of the machine's journal to a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    for guest in item.funcargs.values() if report.failed else ():
        if isinstance(guest, Guest) and guest.running:
            with contextlib.suppress(AgentError):
                report.sections.append(("journal", guest.run(*JOURNAL, check=False).stdout))
            report.sections.append(("console", guest.console()))


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Return a booted machine: root and the lingering user anna have an image, bodo has no session."""
    tools.require_root()
    for tool in TOOLS:
        tools.require_tool(tool)
    tree = trees.ensure(trees.DEBIAN_12_KERNEL)
    with Guest.create(tree, tmp_path_factory.mktemp("guest")) as guest:
        guest.start()
        guest.run("loginctl", "enable-linger", "anna")
        importing = ("podman", "import", "--quiet", "/opt/image.tar", "localhost/busybox")
        guest.run(*importing)
        guest.shell(f"while [ ! -S /run/user/{USERS['anna']}/bus ]; do sleep 0.1; done")
        guest.as_user("anna", *importing)
        yield guest
