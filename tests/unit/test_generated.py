"""What the packages generate from the parser: man page and completions name everything that it knows."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.cli.main import make_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).parents[2] / "packaging" / "generate.py"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory with the generated files."""
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    output = tmp_path_factory.mktemp("generated")
    module.main([str(output)])
    return output


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield *parser* and those of its verbs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from parsers(verb)


def options() -> set[str]:
    """Return every long option but --help, which needs no explanation."""
    found = {
        name
        for parser in parsers(make_parser())
        for action in parser._actions
        for name in action.option_strings
    }
    return {name for name in found if name.startswith("--")} - {"--help"}


def test_man_page_names_every_option(generated: Path) -> None:
    page = (generated / "libpod.1").read_text().replace("\\-", "-")
    assert [name for name in options() if not re.search(rf"{name}\b", page)] == []
    assert ".SH NAME" in page
    assert "runtime-refresh (8)" in page


def test_man_page_names_every_verb(generated: Path) -> None:
    page = (generated / "libpod.1").read_text().replace("\\-", "-")
    assert [
        parser.prog
        for parser in parsers(make_parser())
        if parser.prog not in re.sub(r"\\f.|\\[,/]", "", page)
    ] == []


def test_pages_depend_on_the_parser_alone(generated: Path) -> None:
    """A date or a path of the machine that builds would make every build another one."""
    text = "".join((generated / name).read_text() for name in ("libpod.1", "libpod.bash", "_libpod"))
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + "/" not in text.replace("~/", "")


@pytest.mark.parametrize("name", ["libpod.bash", "_libpod"])
def test_completion_knows_every_option(generated: Path, name: str) -> None:
    text = (generated / name).read_text()
    assert [option for option in options() if option not in text] == []


@pytest.mark.starts_processes
def test_bash_completion_is_a_script(generated: Path, require_tool: Callable[[str], str]) -> None:
    command = [require_tool("bash"), "-n", str(generated / "libpod.bash")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
