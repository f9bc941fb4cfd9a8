"""Names of containers and pods are completed in a real bash."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.lab.containers import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.pods import PodRoom

# Readline splits at "=" as well.
DRIVE = """\
source {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_libpod
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(room: PodRoom, directory: Path, *words: str) -> list[str]:
    """What bash offers for the last of *words*."""
    program = directory / "libpod"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m libpod "$@"\n')
    program.chmod(0o755)
    script = directory / "libpod.bash"
    script.write_text(room.libpod("completion", "bash").stdout)
    line = " ".join(f"'{word}'" for word in (program, *words))
    done = subprocess.run(
        ["bash", "--norc", "-c", DRIVE.format(script=script, words=line)],
        env={**room.environment, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return sorted(done.stdout.split())


def test_names_of_the_store_that_the_line_names(room: PodRoom, tmp_path: Path) -> None:
    room.make_pod("pear", "--infra-name", "core")
    for name in ("plum", "peach", "fig"):
        room.member("pear", name)
    where = ("--root", str(room.root), "--runroot", str(room.run_root), "--tmpdir", "=", str(room.tmp_dir))
    cases: tuple[tuple[tuple[str, ...], list[str]], ...] = (
        (("start", "p"), ["peach", "plum"]),
        (("rm", "--force", "peach", "plu"), ["plum"]),
        (("container", "stop", ""), ["core", "fig", "peach", "plum"]),
        (("pod", "stop", "p"), ["pear"]),
        (("pod", "rm", "x"), []),
        (("inspect", "pe"), ["peach", "pear"]),
    )
    for words, offered in cases:
        assert complete(room, tmp_path, *where, *words) == offered, words
