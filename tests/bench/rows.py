"""What a bench finds, and how it is shown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# What a start must not import where there is nothing to do.
HEAVY = {"ctypes", "dataclasses", "filelock", "inspect", "logging", "pathlib", "psutil", "pystemd", "sqlite3"}
HEAVY |= {"subprocess", "typing"}


class Row(NamedTuple):
    """One line of the table. *goal* bounds *ratio* where there is one, else the value itself."""

    what: str
    containers: int
    unit: str
    libpod: float
    podman: float | None
    ratio: float | None
    goal: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where none is set."""
        if self.goal is None:
            return None
        return (self.libpod if self.ratio is None else self.ratio) <= self.goal


def compared(what: str, containers: int, unit: str, ours: float, theirs: float, goal: float | None) -> Row:
    """Return a row that compares the two programs."""
    return Row(what, containers, unit, ours, theirs, ours / theirs if theirs else None, goal)


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the medians of both columns."""
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return first, second


class Subject:
    """Something that is measured: `python -m tests.bench NAME`.

    It works below *room* and with the interpreter *python*; *say* gets one line for people about what is
    going on. With *quick* all is tiny, and *rounds* is how often each program runs.
    """

    def __init__(
        self, room: Path, python: str, say: Callable[[str], None], *, quick: bool, rounds: int | None
    ) -> None:
        self.room = room
        self.python = python
        self.say = say
        self.rows: list[Row] = []
        self.about: dict[str, object] = {}
        self.imports: dict[str, int] = {}
        self.plan_for(quick=quick, rounds=rounds)

    def plan_for(self, *, quick: bool, rounds: int | None) -> None:
        """Set how much is measured, and how often."""
        raise NotImplementedError

    def run(self) -> None:
        """Measure everything."""
        raise NotImplementedError

    def remarks(self) -> list[str]:
        """Return lines that stand below the table."""
        return []

    def details(self) -> dict[str, Any]:
        """Return what else is written: what our program imports."""
        return {"imports_microseconds": dict(sorted(self.imports.items(), key=lambda item: -item[1]))}


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text in columns."""
    head = ("", "containers", "libpod", "podman", "ratio", "goal", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in pairs)
        for pairs in (list(enumerate(zip(line, widths, strict=True))) for line in lines)
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        str(row.containers),
        _value(row.libpod, row.unit),
        _value(row.podman, row.unit),
        _value(row.ratio, ""),
        _value(row.goal, ""),
        {True: "ok", False: "MISSED", None: ""}[row.reached],
    )


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    number = f"{value:.3f}" if unit == "s" else f"{value:.1f}" if unit else f"{value:.3g}"
    return f"{number} {unit}".strip()


def as_json(subject: Subject) -> dict[str, Any]:
    """Return everything that was measured."""
    rows = [row._asdict() | {"reached": row.reached} for row in subject.rows]
    return {"about": subject.about, "rows": rows, **subject.details()}
