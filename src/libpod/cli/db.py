"""`libpod db check` and `libpod db dump`: the database as it is, nothing refreshed and nothing written."""

from __future__ import annotations

import os

from libpod.cli import codes, output
from libpod.cli import options as global_options
from libpod.errors import FileError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.state.protocol import Problem, State

_SQLITE_START: Final = b"SQLite format 3\0"


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    verbs = parser.add_verbs(
        (
            ("check", "Look for damage and contradictions in the database."),
            ("dump", "Print every bucket and key, or every row of every table."),
        )
    )
    for name, run in (("check", run_check), ("dump", run_dump)):
        verbs[name].add_argument(
            "file", metavar="FILE", nargs="?", help="the database (default: the one of this store)"
        )
        verbs[name].add_format(templates=False)
        verbs[name].runs(run)


def run_check(options: Namespace) -> int:
    """Print what is wrong; status 1 if there is anything that does harm."""
    database = _open(options)
    try:
        found = database.check()
    finally:
        database.close()
    harm = sum(not problem.harmless for problem in found)
    if options.format:
        output.as_json([_problem_json(problem) for problem in found])
    else:
        for problem in found:
            output.data(problem_text(problem))
        _summarize(database, harm)
    return codes.DEGRADED if harm else codes.DONE


def _summarize(database: State, number: int) -> None:
    place = f"{database.kind} database {database.path}"
    if number:
        output.message(f"{number} problem{'s' * (number > 1)} in {place}")
    else:
        output.data(f"no problem found in {place}")


def _problem_json(problem: Problem) -> dict[str, object]:
    found = {"kind": problem.kind, "id": problem.identifier, "message": problem.message}
    return {**found, "harmless": problem.harmless}


def problem_text(problem: Problem) -> str:
    """One problem in a line."""
    end = " (harmless)" if problem.harmless else ""
    return output.printable(f"{problem.kind} {problem.identifier}: {problem.message}{end}")


def run_dump(options: Namespace) -> int:
    """Print everything, as it is read: what comes before damage is printed before the error."""
    database = _open(options)
    try:
        entries = database.dump()
        for line in _json_lines(entries) if options.format else map(entry_text, entries):
            output.data(line)
    finally:
        database.close()
    return codes.DONE


def _json_lines(entries: Iterable[dict[str, object]]) -> Iterator[str]:
    """The lines of one JSON array that need not fit into the memory."""
    import json

    before = "["
    for entry in entries:
        yield before + json.dumps(entry, ensure_ascii=False)
        before = ", "
    yield "[]" if before == "[" else "]"


def entry_text(entry: dict[str, object]) -> str:
    """One entry in a line: the place, and what is there."""
    if "table" in entry:
        row = entry["row"]
        assert isinstance(row, dict)
        text = f"{entry['table']}: " + ", ".join(f"{name}={value}" for name, value in row.items())
    else:
        place = entry["bucket"]
        assert isinstance(place, list)
        path = "/".join(map(str, place))
        text = f"{path}/{entry['key']} = {entry['value']}" if "key" in entry else f"{path}/ is empty"
    return output.printable(text)


def _open(options: Namespace) -> State:
    from libpod import state

    kind, path = _named(options.file) if options.file else _found(options)
    return state.open(kind, path, read_only=True, on_wait=output.message)


def _named(path: str) -> tuple[str, str]:
    """The kind of database that the file *path* looks like."""
    from libpod import state

    try:
        with open(path, "rb", opener=_without_waiting) as file:
            start = file.read(len(_SQLITE_START))
    except OSError as error:
        raise FileError("read", path, error) from error
    return (state.SQLITE if start == _SQLITE_START else state.BOLTDB), path


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _found(options: Namespace) -> tuple[str, str]:
    from libpod import state
    from libpod.config.sources import collect

    settings = collect(
        global_options.overrides(options), config_file=global_options.config_file(options), create=False
    )
    values = settings.values
    found = state.detect(values["static_dir"], values["graph_root"], settings.database_kind())
    if found is None:
        places = " nor ".join(path for _kind, path in settings.database_candidates())
        raise InvalidArgument(
            f"there is no database: neither {places}",
            hint="name its directories by --root and --tmpdir, or give the file itself",
        )
    return found
