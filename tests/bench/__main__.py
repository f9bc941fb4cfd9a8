"""`python -m tests.bench refresh` prints a table and writes it as JSON. It needs root and real Podman."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.refresh import FULL, QUICK, Bench, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = ("podman", "runc", "conmon", "strace", "busybox", "unshare", "nsenter")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure as the command line says and return the exit status: 0 when all could be measured."""
    arguments = parser().parse_args(argv)
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent or os.geteuid() != 0:
        print(f"Error: needs root and {', '.join(absent or PROGRAMS)}", file=sys.stderr)
        return 125
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = plan._replace(rounds=arguments.rounds)
    with tempfile.TemporaryDirectory(prefix="libpod-bench-", dir=arguments.room) as room:
        bench = Bench(Path(room), arguments.python, plan, lambda line: print(line, file=sys.stderr))
        bench.run()
    print(table(bench.rows))
    heavy = ", ".join(bench.heavy_imports()) or "none"
    print(f"imports where there is nothing to do: {len(bench.imports)} modules; heavy ones: {heavy}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(as_json(bench), indent=1) + "\n")
    print(f"written to {arguments.output}", file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    found.add_argument("subject", choices=["refresh"])
    found.add_argument("--quick", action="store_true", help="tiny stores and one round: shows that it runs")
    found.add_argument("--rounds", type=int, help="how often each program runs")
    found.add_argument("--output", type=Path, default=Path("build/bench-refresh.json"))
    found.add_argument("--room", type=Path, default=Path("/var/tmp"), help="on a disk, not a tmpfs")
    installed = Path("/usr/bin/python3")
    found.add_argument("--python", default=str(installed) if installed.exists() else sys.executable)
    return found


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


def as_json(bench: Bench) -> dict[str, Any]:
    """Return everything that was measured."""
    rows = [row._asdict() | {"reached": row.reached} for row in bench.rows]
    imports = dict(sorted(bench.imports.items(), key=lambda item: -item[1]))
    return {"about": bench.about, "rows": rows, "imports_microseconds": imports}


if __name__ == "__main__":
    sys.exit(main())
