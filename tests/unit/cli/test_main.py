"""The way in and out: exit statuses, messages, and what is shown of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.cli import codes, refresh
from libpod.cli.main import main
from libpod.errors import InvalidArgument, LibpodError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def refresh_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], int]], None]:
    """Return the function that puts something in the place of the refresh."""

    def replace(run: Callable[[Any], int]) -> None:
        monkeypatch.setattr(refresh, "run", run)

    return replace


def raises(error: BaseException) -> Callable[[Any], int]:
    """A verb that raises *error*."""

    def run(_options: object) -> int:
        raise error

    return run


@pytest.mark.parametrize("status", [codes.DONE, codes.DEGRADED, 7])
def test_the_status_is_the_verb_s(refresh_does: Any, status: int) -> None:
    refresh_does(lambda _options: status)
    assert main(["refresh"]) == status


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (InvalidArgument("no such thing"), 125, "Error: no such thing\n"),
        (LibpodError("broken", hint="mend it"), 125, "Error: broken\nhint: mend it\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (LibpodError("a\x1b[31m\nb"), 125, "Error: a\\x1b[31m\nb\n"),
    ],
)
def test_errors_become_messages(
    refresh_does: Any, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, printed: str
) -> None:
    refresh_does(raises(error))
    assert main(["refresh"]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", printed)


def test_a_mistake_of_our_own_is_a_failure_and_not_status_1(
    refresh_does: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    refresh_does(raises(ZeroDivisionError("division by zero")))
    assert main(["refresh"]) == 125
    message = capsys.readouterr().err
    assert message.startswith("Error: unexpected ZeroDivisionError: division by zero\nhint: ")
    assert "Traceback" not in message


@pytest.mark.parametrize("level", ["debug", "trace"])
def test_debugging_shows_where(refresh_does: Any, capsys: pytest.CaptureFixture[str], level: str) -> None:
    refresh_does(raises(LibpodError("broken")))
    assert main([f"--log-level={level}", "refresh"]) == 125
    message = capsys.readouterr().err
    assert message.startswith("Traceback (most recent call last)")
    assert message.endswith("Error: broken\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nosuch"], "Error: unrecognized command 'libpod nosuch'\nhint: see 'libpod --help'\n"),
        (["refresh", "-x"], "Error: unknown flag: -x\nhint: see 'libpod refresh --help'\n"),
        (["--root"], "Error: flag needs an argument: --root\nhint: see 'libpod --help'\n"),
        (["inspect"], "Error: inspect needs a NAME, or --latest\nhint: see 'libpod inspect --help'\n"),
    ],
)
def test_wrong_command_lines_fail(
    capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    assert main(arguments) == 125
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", error)


@pytest.mark.parametrize(
    ("arguments", "prog"), [([], "libpod"), (["pod"], "libpod pod"), (["db"], "libpod db")]
)
def test_without_a_verb_the_help_comes_first(
    capsys: pytest.CaptureFixture[str], arguments: list[str], prog: str
) -> None:
    assert main(arguments) == 125
    captured = capsys.readouterr()
    assert captured.out.startswith(f"usage: {prog}")
    assert captured.err == f"Error: missing command '{prog} COMMAND'\n"


def test_the_arguments_of_the_process_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["libpod", "nosuch"])
    assert main() == 125
    assert "nosuch" in capsys.readouterr().err


def test_an_argument_that_is_no_text_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", "/srv", "no\udcffsuch"]) == 125
    assert "no\\udcffsuch" in capsys.readouterr().err
