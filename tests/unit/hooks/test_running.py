"""Hooks that we run ourselves: input, environment, time limits, failures."""

from __future__ import annotations

import json
import stat
import time
from typing import TYPE_CHECKING

import pytest

from libpod.errors import CommandError, CommandNotFound, CommandTimeout, DecodeError
from libpod.hooks import running
from libpod.hooks.hook import Command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.starts_processes
SPEC = {"ociVersion": "1.0.2", "process": {"args": ["sh"]}}


@pytest.fixture(name="script")
def _script(tmp_path: Path) -> Callable[[str], str]:
    def make(text: str) -> str:
        path = tmp_path / f"hook{len(list(tmp_path.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(stat.S_IRWXU)
        return str(path)

    return make


def test_input_arguments_and_environment(script: Callable[[str], str]) -> None:
    path = script(
        "cat; echo \"|$1|$X|$HOME|\"; env | grep -v '^PWD\\|^X\\|^_\\|^SHLVL\\|^OLDPWD' >&2; exit 0"
    )
    command = Command(path=path, arguments=["called", "one"], environment=["X=y"])
    assert running.run(command, b"data") == b"data|one|y||\n"


def test_the_first_argument_is_only_a_name() -> None:
    command = Command(path="/bin/busybox", arguments=["echo", "hello"])
    assert running.run(command, b"") == b"hello\n"
    assert running.run(Command(path="/bin/true"), b"x" * 1_000_000) == b""


def test_failures(script: Callable[[str], str]) -> None:
    with pytest.raises(CommandError, match=r"exit status 3: because"):
        running.run(Command(path=script("echo because >&2; exit 3")), b"")
    with pytest.raises(CommandNotFound):
        running.run(Command(path="/no/such/program"), b"")


def test_a_hook_that_hangs_is_killed(script: Callable[[str], str]) -> None:
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match="not finished after 1 seconds"):
        running.run(Command(path=script("trap '' TERM; sleep 100"), timeout=1), b"")
    assert time.monotonic() - began < 50


def test_a_precreate_hook_may_change_the_specification(script: Callable[[str], str]) -> None:
    path = script('sed \'s/"sh"/"changed"/\'')
    changed = running.filter_specification([{"path": path}, {"path": "/bin/cat"}], dict(SPEC))
    assert changed == {**SPEC, "process": {"args": ["changed"]}}
    assert running.filter_specification([], dict(SPEC)) == SPEC


@pytest.mark.parametrize("output", ["", "rubbish", "[]", "{}", '{"ociVersion": 3}'])
def test_what_a_precreate_hook_must_not_print(script: Callable[[str], str], output: str) -> None:
    path = script(f"cat >/dev/null; echo '{output}'")
    with pytest.raises(DecodeError, match="precreate hook 0"):
        running.filter_specification([{"path": path}], dict(SPEC))


def test_a_precreate_hook_that_fails_is_named(script: Callable[[str], str]) -> None:
    with pytest.raises(CommandError, match=r"precreate hook 1 \(.*\): .*exit status 1"):
        running.filter_specification([{"path": "/bin/cat"}, {"path": "/bin/false"}], dict(SPEC))


def test_poststop_hooks_that_fail_are_warnings(script: Callable[[str], str], tmp_path: Path) -> None:
    warnings: list[str] = []
    hooks: list[dict[str, object]] = [
        {"path": "/bin/false"},
        {"path": script(f"cat > {tmp_path}/state")},
        {"path": 3},
    ]
    running.run_all(hooks, {"id": "x", "status": "stopped"}, warnings.append)
    assert json.loads((tmp_path / "state").read_text()) == {"id": "x", "status": "stopped"}
    assert [warning[:15] for warning in warnings] == ["poststop hook 0", "poststop hook 2"]
