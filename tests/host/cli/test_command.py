"""The command as a process: what it imports, how it ends, and what others make of its grammar."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOURCE = Path(__file__).parents[3] / "src"
LIBPOD = (sys.executable, "-m", "libpod")

# None of these may be loaded by a refresh that finds nothing to do.
BANNED = {
    "argparse",
    "contextlib",
    "ctypes",
    "dataclasses",
    "filelock",
    "inspect",
    "logging",
    "pathlib",
    "psutil",
    "pystemd",
    "shutil",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "libpod.boot.decide",
    "libpod.boot.refresh",
    "libpod.config.runtime",
    "libpod.runtime",
    "libpod.state",
}
WATCHED = """
import sys
sys.path.insert(0, {source!r})
before = set(sys.modules)
from libpod.cli.main import main
status = main({arguments!r})
with open("/proc/self/status") as file:
    (peak,) = [line.split()[1] for line in file if line.startswith("VmHWM")]
print(status, peak, *(set(sys.modules) - before), sep="\\n", file=sys.stderr)
"""
BARE = """
with open("/proc/self/status") as file:
    print(*[line.split()[1] for line in file if line.startswith("VmHWM")])
"""
# Kibibytes that the program may need on top of an interpreter that does nothing.
MOST_MEMORY = 6144


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """The flags that name a store below the test's directory."""
    names = ("--root", "--runroot", "--tmpdir")
    return [word for name in names for word in (name, str(tmp_path / name.lstrip("-")))]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of this host's configuration is read."""
    (tmp_path / "containers.conf").write_text('[engine]\nlock_type = "file"\ncgroup_manager = "cgroupfs"\n')
    (tmp_path / "user").mkdir(mode=0o700)
    (tmp_path / "storage.conf").write_text('[storage]\ndriver = "overlay"\n')
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "user"),
        "PYTHONPATH": str(SOURCE),
        "CONTAINERS_CONF": str(tmp_path / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
    }


def run(
    command: Sequence[str], environment: dict[str, str], **options: int
) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    return subprocess.run(command, env=environment, text=True, timeout=120, check=False, **streams)  # type: ignore[call-overload, no-any-return]


def shell(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which LIBPOD stands for the program."""
    return run(["sh", "-c", script.replace("LIBPOD", shlex.join(LIBPOD))], environment)


def test_nothing_to_do_loads_little(flags: list[str], environment: dict[str, str]) -> None:
    first = run([*LIBPOD, *flags, "refresh"], environment)
    assert first.returncode == 0, first
    program = WATCHED.format(source=str(SOURCE), arguments=[*flags, "refresh"])
    result = run([sys.executable, "-I", "-S", "-c", program], environment)
    status, peak, *modules = result.stderr.split()
    assert (status, result.stdout.splitlines()[0][:13]) == ("0", "nothing to do"), result
    assert set(modules) & BANNED == set()
    bare = run([sys.executable, "-I", "-S", "-c", BARE], environment)
    assert int(peak) - int(bare.stdout) < MOST_MEMORY


@pytest.mark.parametrize(
    ("script", "status", "error"),
    [
        ("LIBPOD nosuch", 125, "unrecognized command 'libpod nosuch'"),
        ("LIBPOD --version >/dev/full", 125, "No space left on device"),
        ("LIBPOD --help >/dev/full", 125, "No space left on device"),
        ("LIBPOD >/dev/full", 125, "No space left on device"),
        ("LIBPOD --root \"$(printf '/srv/\\377')\" nosuch", 125, "nosuch"),
        ("LC_ALL=C LIBPOD 'n\\303\\266'", 125, "unrecognized command"),
        ("LIBPOD nosuch >&-", 125, "nosuch"),
        ("LIBPOD >&-", 125, "missing command"),
        ("LIBPOD nosuch 2>&-", 125, ""),
        ("LIBPOD nosuch 2>/dev/full", 125, ""),
        ("LIBPOD <&- --help", 0, ""),
    ],
)
def test_statuses_whatever_the_streams_are(
    environment: dict[str, str], script: str, status: int, error: str
) -> None:
    result = shell(script, environment)
    assert result.returncode == status, result
    assert error in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_may_go_away(flags: list[str], environment: dict[str, str]) -> None:
    for verb in ("refresh", "ps -a", "info", "db dump", "--help", ""):
        result = shell(f"LIBPOD {shlex.join(flags)} {verb} | true", environment)
        assert result.stderr in ("", "Error: missing command 'libpod COMMAND'\n"), (verb, result)


def test_an_interruption_ends_with_130(flags: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    assert run([*LIBPOD, *flags, "refresh"], environment).returncode == 0
    database = tmp_path / "root/libpod/bolt_state.db"
    before = database.read_bytes()
    (tmp_path / "tmpdir/alive").unlink()
    with open(tmp_path / "tmpdir/alive.lck", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [*LIBPOD, *flags, "refresh"], env=environment, stdout=-1, stderr=-1, text=True
        )
        assert process.stderr is not None
        assert str(os.getpid()) in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, output, errors) == (130, "", "interrupted\n")
    assert database.read_bytes() == before
    assert not (tmp_path / "tmpdir/alive").exists()
    assert run([*LIBPOD, *flags, "refresh"], environment).returncode == 0


@pytest.mark.parametrize("program", [("bash", "-n"), ("sh", "-n")])
def test_the_completion_for_bash_is_sound(
    environment: dict[str, str], tmp_path: Path, program: tuple[str, ...], require_tool: Callable[[str], str]
) -> None:
    script = run([*LIBPOD, "completion", "bash"], environment)
    assert script.returncode == 0, script
    (tmp_path / "libpod.bash").write_text(script.stdout)
    if program[0] == "bash":
        result = run([require_tool("bash"), "-n", str(tmp_path / "libpod.bash")], environment)
        assert (result.returncode, result.stderr) == (0, "")
    assert "--no-trunc" in script.stdout


def test_the_completion_for_fish_depends_on_the_generator(environment: dict[str, str]) -> None:
    import shtab

    result = run([*LIBPOD, "completion", "fish"], environment)
    if "fish" in shtab.SUPPORTED_SHELLS:
        assert result.returncode == 0
    else:
        assert result.returncode == 125
        assert result.stderr.startswith("Error: shtab ")


def test_a_man_page_can_be_made(environment: dict[str, str], require_tool: Callable[[str], str]) -> None:
    generator = Path(sys.executable).with_name("argparse-manpage")
    tool = str(generator) if generator.exists() else require_tool("argparse-manpage")
    command = [tool, "--module", "libpod.cli.main", "--function", "make_parser", "--project-name", "libpod"]
    result = run(command, environment)
    assert result.returncode == 0, result
    for word in ("libpod", "refresh", "quiet", "tmpdir"):
        assert word in result.stdout
