"""`libpod info`."""

from __future__ import annotations

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from libpod.cli.grammar import Grammar

_INDENT = "  "


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_format("-f")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the sections."""
    from libpod import info
    from libpod.cli import stores

    found = info.sections(stores.load_config(options))
    if options.format:
        by_type = {str(section["type"]): section["data"] for section in found}
        output.formatted(options.format, found, lambda: [by_type])
    else:
        output.data("\n".join(line for section in found for line in text(section)))
    return codes.DONE


def text(section: dict[str, object]) -> Iterator[str]:
    """The lines of one section for people."""
    yield f"{section['type']}:"
    data = section["data"]
    assert isinstance(data, dict)
    for name, value in data.items():
        yield from _entry(name, value, 1)


def _entry(name: str, value: object, depth: int) -> Iterator[str]:
    start = f"{_INDENT * depth}{output.printable(name)}:"
    if isinstance(value, dict) and value:
        yield start
        for inner, member in value.items():
            yield from _entry(inner, member, depth + 1)
    elif isinstance(value, list) and value:
        yield start
        yield from (f"{_INDENT * (depth + 1)}- {output.printable(str(member))}" for member in value)
    elif isinstance(value, dict | list):
        yield f"{start} none"
    else:
        yield f"{start} {output.printable(str(value))}"
