"""The RPM packages: built from the spec by rpmbuild, with stand-ins for the macros that only Fedora has."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from libpod.version import VERSION
from tests import tools

TOP = Path(__file__).resolve().parents[3]
SPEC = TOP / "packaging/rpm/python-libpod.spec"
MACROS = Path(__file__).with_name("rpm.macros")
# What a source archive holds.
SOURCES = (
    "CHANGELOG.md", "LICENSE", "README.md", "packaging", "pyproject.toml", "src", "systemd", "tmpfiles.d",
)  # fmt: skip


def without_bytecode(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name or ".egg-info" in member.name else member


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build them; each by its name."""
    rpmbuild = tools.require_tool("rpmbuild")
    room = tmp_path_factory.mktemp("rpm")
    (room / "SOURCES").mkdir()
    with tarfile.open(room / f"SOURCES/python-libpod-{VERSION}.tar.gz", "w:gz") as archive:
        for name in SOURCES:
            archive.add(TOP / name, f"python-libpod-{VERSION}/{name}", filter=without_bytecode)
    # The dependencies are those of another distribution.
    command = [rpmbuild, "--load", str(MACROS), "--define", f"_topdir {room}", "--nodeps", "-bb", str(SPEC)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {path.name.rsplit("-", 2)[0]: path for path in room.glob("RPMS/noarch/*.rpm")}


def query(package: Path, *arguments: str) -> list[str]:
    command = ["rpm", "--dbpath", str(package.parent / "database"), "-qp", *arguments, str(package)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True
    ).stdout.splitlines()


def test_files(packages: dict[str, Path]) -> None:
    assert packages.keys() == {"python3-libpod", "runtime-refresh"}
    units = [path for path in query(packages["runtime-refresh"], "--list") if "licenses" not in path]
    assert units == [
        "/usr/lib/systemd/catalog/runtime-refresh.catalog",
        "/usr/lib/systemd/system/runtime-refresh.service",
        "/usr/lib/systemd/user/runtime-refresh.service",
        "/usr/lib/tmpfiles.d/runtime-refresh.conf",
        "/usr/share/man/man8/runtime-refresh.8",
    ]
    library = query(packages["python3-libpod"], "--list")
    for path in (
        "/usr/bin/libpod",
        "/usr/share/bash-completion/completions/libpod",
        "/usr/share/man/man1/libpod.1",
        "/usr/share/zsh/site-functions/_libpod",
    ):
        assert path in library
    modules = {path.relative_to(TOP / "src").as_posix() for path in TOP.glob("src/libpod/**/*.py")}
    packed = {path.partition("-packages/")[2] for path in library if path.endswith(".py")}
    assert packed == modules


def test_nothing_is_started_stopped_or_restarted(packages: dict[str, Path]) -> None:
    scripts = query(packages["runtime-refresh"], "--scripts")
    unit = "runtime-refresh.service"
    wanted = [f"echo {when} {unit}" for when in ("post", "preun", "postun")]
    wanted += [f"echo user {when} {unit}" for when in ("post", "preun", "postun")]
    assert sorted(line for line in scripts if line.startswith("echo")) == sorted(wanted)
    assert query(packages["python3-libpod"], "--scripts") == []


def test_dependencies(packages: dict[str, Path]) -> None:
    assert f"python3-libpod = {VERSION}-1" in query(packages["runtime-refresh"], "--requires")
    required = query(packages["python3-libpod"], "--requires")
    assert {"conmon", "(runc or crun)"} <= set(required)
