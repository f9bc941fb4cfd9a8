"""What completion scripts ask us for."""

from __future__ import annotations

import pytest

from libpod.cli import completion
from libpod.cli.main import main


def test_a_name_that_a_shell_would_run_is_not_offered() -> None:
    names = {"1": "web", "2": "$(touch /tmp/x)", "3": "a b", "4": "a-b_c.d", "5": "-x;y", "6": ""}
    assert list(completion.harmless(names)) == ["web", "2", "3", "a-b_c.d", "5", "6"]


@pytest.mark.parametrize("arguments", [[], ["bash", "--list", "pods"]])
def test_either_a_script_or_names(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", *arguments]) == 125
    assert "give either a shell or --list" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_containers_and_pods_are_completed(shell: str) -> None:
    script = completion.script(shell)
    for kind in ("containers", "pods", "objects"):
        assert script.count(f"_libpod_{kind}") > 1
