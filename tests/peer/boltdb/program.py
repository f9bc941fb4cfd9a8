"""Drives the reference bolt library through `reference.go`."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.unit.boltdb.helpers import Content
    from tests.unit.boltdb.simulation import Step

TIMEOUT = 120


class Reference:
    """The built program; each method is one run of it."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def run(self, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run the program with *given* as its input."""
        return subprocess.run(
            [self.program, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def output(self, *arguments: str | Path, given: str = "") -> str:
        """Run the program, which must succeed, and return what it prints."""
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, done.stdout[:2000] + done.stderr[:2000]
        return done.stdout

    def check(self, path: Path) -> None:
        """Let the library look for damage in the file; there must be none."""
        assert self.output("check", path) == ""

    def content(self, path: Path) -> Content:
        """Return everything in the file as nested dicts."""
        return _to_dicts(json.loads(self.output("dump", path)))

    def sequences(self, path: Path) -> dict[bytes, int]:
        """Return the sequence of every top-level bucket."""
        found = json.loads(self.output("dump", path))
        return {base64.b64decode(entry["key"]): entry.get("sequence", 0) for entry in found}

    def apply(self, path: Path, transactions: Iterable[Sequence[Step]], *options: str) -> None:
        """Apply each list of steps in a transaction of its own."""
        self.output("apply", *options, path, given="".join(f"{as_line(steps)}\n" for steps in transactions))


def as_line(steps: Sequence[Step]) -> str:
    """Return one transaction as the program reads it."""
    return json.dumps([_to_json(step) for step in steps])


def _to_dicts(entries: list[dict[str, Any]]) -> Content:
    found: Content = {}
    for entry in entries:
        inner = _to_dicts(entry.get("entries", [])) if entry["is_bucket"] else None
        value = base64.b64decode(entry.get("value", "")) if inner is None else inner
        found[base64.b64decode(entry["key"])] = value
    return found


def _to_json(step: Step) -> dict[str, object]:
    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return {
        "operation": step.operation,
        "where": [text(name) for name in step.where],
        "key": text(step.key),
        "value": text(step.value),
        "repeat": step.repeat,
        "sequence": step.sequence,
    }
