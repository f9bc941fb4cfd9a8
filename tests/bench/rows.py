"""What a bench finds, and how it is shown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class Subject(Protocol):
    """Something that is measured: `python -m tests.bench NAME`."""

    rows: list[Row]
    about: dict[str, object]

    def run(self) -> None:
        """Measure everything."""

    def remarks(self) -> list[str]:
        """Return lines that stand below the table."""

    def details(self) -> Mapping[str, Any]:
        """Return what else is written."""


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
