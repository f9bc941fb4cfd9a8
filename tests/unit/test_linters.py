"""The rules of the source code itself, as ordinary tests: style, types, who may call whom, sizes, scripts."""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP = Path(__file__).parents[2]
SOURCE = TOP / "src" / "libpod"
MODULES = sorted(SOURCE.rglob("*.py"))

LONGEST_FUNCTION = 80
LONGEST_MODULE = 600

# What a program that must start quickly does not import at its top level.
SLOW_IMPORTS = {
    "ctypes",
    "dataclasses",
    "enum",
    "filelock",
    "inspect",
    "logging",
    "pathlib",
    "psutil",
    "pystemd",
    "sqlite3",
    "subprocess",
    "threading",
    "typing",
}
# The path of a refresh that finds nothing to do.
QUICK_MODULES = (
    "__init__",
    "boot.marker",
    "cli.main",
    "cli.refresh",
    "config.sources",
    "errors",
    "failpoints",
    "host.files",
    "version",
)
# Who alone may import what.
ONLY_IMPORTER = {
    "ctypes": ("host.linux",),
    "subprocess": ("nothing: its import takes longer than to start a program",),
    "pystemd": ("cgroups.units", "host.notify"),
    "filelock": ("locks.",),
    "sqlite3": ("state.sqlite",),
}


class Function(NamedTuple):
    """A function of the product and how many lines it has, from its first line to its last."""

    place: str
    lines: int


def name_of(module: Path) -> str:
    """Return the dotted name of *module* below libpod, ``cli.main``; a package is ``cli.__init__``."""
    return ".".join(module.relative_to(SOURCE).with_suffix("").parts)


def functions() -> Iterator[Function]:
    """Yield every function of the product."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                yield Function(f"{name_of(module)}:{node.lineno} {node.name}", lines)


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the top-level names that *nodes* import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def run_time_nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: no function bodies, nothing below ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not for_types and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def tracked_files() -> list[Path]:
    """Return the text files of the project, without what tools leave in the tree."""
    places = ("src", "tests", "packaging", "systemd", "tmpfiles.d", ".ci")
    found = [path for place in places for path in sorted((TOP / place).rglob("*")) if path.is_file()]
    found += [TOP / name for name in ("README.md", "CHANGELOG.md", "pyproject.toml")]
    return [path for path in found if "__pycache__" not in path.parts and path.suffix not in {".db", ".pyc"}]


def scripts() -> list[Path]:
    """Return the shell scripts."""
    first_line = re.compile(rb"#!(/bin/(ba)?sh|/usr/bin/env bash)\b")
    return [path for path in tracked_files() if first_line.match(path.read_bytes())]


def passes(*command: str) -> None:
    """Run a linter at the top of the project; its findings are the message of the failure."""
    environment = {**os.environ, "PYTHONPATH": os.fspath(SOURCE.parent)}
    result = subprocess.run(
        command, cwd=TOP, env=environment, input="", capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, f"{' '.join(command[:3])}\n{result.stdout}{result.stderr}"


@pytest.mark.starts_processes
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("ruff", ("check", "--no-cache", "."), id="ruff-check"),
        pytest.param("ruff", ("format", "--check", "--no-cache", "."), id="ruff-format"),
        pytest.param("mypy", (), id="mypy"),
        pytest.param("lint-imports", ("--no-cache",), id="import-linter"),
    ],
)
def test_linter_is_content(name: str, arguments: tuple[str, ...], require_tool: Callable[[str], str]) -> None:
    beside = Path(sys.executable).with_name(name)
    tool = str(beside) if beside.exists() else require_tool(name)
    passes(tool, *arguments)


@pytest.mark.starts_processes
def test_shell_scripts_are_sound(require_tool: Callable[[str], str]) -> None:
    passes(require_tool("shellcheck"), "--severity=style", *map(str, scripts()))


def test_shell_scripts_were_found() -> None:
    assert {"build-deb.sh", "quickstart.sh", "test.sh", "run"} <= {path.name for path in scripts()}


def test_no_function_is_too_long() -> None:
    assert [function for function in functions() if function.lines > LONGEST_FUNCTION] == []


def test_most_functions_are_short() -> None:
    lines = sorted(function.lines for function in functions())
    assert statistics.median(lines) < 10
    assert lines[len(lines) * 9 // 10] < 35


def test_no_module_is_too_long() -> None:
    sizes = {name_of(module): module.read_bytes().count(b"\n") for module in MODULES}
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_every_module_says_what_it_is() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_bytes()))] == []


@pytest.mark.parametrize(("name", "importers"), ONLY_IMPORTER.items())
def test_one_door_for(name: str, importers: tuple[str, ...]) -> None:
    found = [
        name_of(module) for module in MODULES if name in imported(ast.walk(ast.parse(module.read_bytes())))
    ]
    assert [module for module in found if not module.startswith(importers)] == []


def test_one_door_for_new_programs() -> None:
    starts = {"os.posix_spawn", "os.posix_spawnp", "os.system", "os.popen", "os.spawnv"}
    found = {
        name_of(module)
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in starts
    }
    assert found == {"host.process"}


def test_only_the_command_line_prints_or_exits() -> None:
    forbidden = {"print", "input", "sys.exit", "exit", "quit", "os._exit"}
    found = [
        (name_of(module), ast.unparse(node.func))
        for module in MODULES
        if not name_of(module).startswith(("cli.", "__main__"))
        for node in ast.walk(ast.parse(module.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in forbidden
    ]
    # A forked child has no other way to end.
    assert found == [("host.usernamespace", "os._exit")]


@pytest.mark.parametrize("name", QUICK_MODULES)
def test_quick_module_imports_nothing_slow(name: str) -> None:
    module = SOURCE.joinpath(*name.split(".")).with_suffix(".py")
    slow = set(imported(run_time_nodes(ast.parse(module.read_bytes())))) & SLOW_IMPORTS
    assert slow == set()


@pytest.mark.starts_processes
def test_start_of_a_refresh_imports_nothing_slow() -> None:
    names = ", ".join(f"libpod.{name}" for name in QUICK_MODULES if not name.startswith("__"))
    program = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); import {names}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(result.stdout.split()) & SLOW_IMPORTS == set()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(r"\b(TODO|FIXME|XXX|HACK)\b", id="open-ends"),
        pytest.param(r"(?<![\w.}/])/work/", id="path-of-one-machine"),
        pytest.param(r"pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang", id="registry"),
    ],
)
def test_no_file_holds(words: str) -> None:
    found = [
        f"{path.relative_to(TOP)}:{number}"
        for path in tracked_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(words, line)
    ]
    assert found == []
