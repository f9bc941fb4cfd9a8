"""`python -m tests.bench SUBJECT` prints a table and writes it as JSON. It needs root and real Podman."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench import attach, execute, images, refresh, rows, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROGRAMS = (
    "podman",
    "runc",
    "conmon",
    "skopeo",
    "docker-registry",
    "strace",
    "busybox",
    "unshare",
    "nsenter",
)
SUBJECTS: Final[Mapping[str, Callable[..., rows.Subject]]] = {
    "refresh": refresh.Bench,
    "run": run.Bench,
    "exec": execute.Bench,
    "attach": attach.Bench,
    "images": images.Bench,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure as the command line says and return the exit status: 0 when all could be measured."""
    arguments = parser().parse_args(argv)
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent or os.geteuid() != 0:
        print(f"Error: needs root and {', '.join(absent or PROGRAMS)}", file=sys.stderr)
        return 125
    with tempfile.TemporaryDirectory(prefix="libpod-bench-", dir=arguments.room) as room:
        bench = SUBJECTS[arguments.subject](
            Path(room),
            arguments.python,
            lambda line: print(line, file=sys.stderr),
            quick=arguments.quick,
            rounds=arguments.rounds,
        )
        bench.run()
    print(rows.table(bench.rows))
    for line in bench.remarks():
        print(line)
    output = arguments.output or Path(f"build/bench-{arguments.subject}.json")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(rows.as_json(bench), indent=1) + "\n")
    print(f"written to {output}", file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    found.add_argument("subject", choices=list(SUBJECTS))
    found.add_argument("--quick", action="store_true", help="tiny stores and one round: shows that it runs")
    found.add_argument("--rounds", type=int, help="how often each program runs")
    found.add_argument("--output", type=Path, help="build/bench-SUBJECT.json unless it is given")
    found.add_argument("--room", type=Path, default=Path("/var/tmp"), help="on a disk, not a tmpfs")
    installed = Path("/usr/bin/python3")
    found.add_argument("--python", default=str(installed) if installed.exists() else sys.executable)
    return found


if __name__ == "__main__":
    sys.exit(main())
