"""Waiting for what conmon writes about the end of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.oci import exits

if TYPE_CHECKING:
    from pathlib import Path

CONMON = 4711


class Conmon:
    """Writes an exit code after some seconds and ends after some. Its clock runs while one sleeps."""

    def __init__(self, exit_file: Path, *, writes_at: float, ends_at: float) -> None:
        self.now = 1000.0
        self._exit_file = exit_file
        self._writes_at = self.now + writes_at
        self._ends_at = self.now + ends_at
        self.sleep(0)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._writes_at:
            self._exit_file.write_text("7")

    def is_alive(self, pid: int) -> bool:
        assert pid == CONMON
        return self.now < self._ends_at


NEVER = 1e9


@pytest.mark.parametrize(
    ("writes_at", "ends_at", "code", "waited"),
    [
        pytest.param(0, 0, 7, (0, 0), id="it was there already"),
        pytest.param(0.5, 1, 7, (0.5, 0.7), id="it comes in a moment"),
        pytest.param(20, 21, 7, (20, 20.2), id="the machine is busy"),
        pytest.param(2, 2, 7, (2, 2.2), id="it is the last thing that conmon does"),
        pytest.param(NEVER, 0, None, (0, 0), id="conmon was killed"),
        pytest.param(NEVER, 3, None, (3, 3.2), id="conmon is killed meanwhile"),
        pytest.param(NEVER, NEVER, None, (exits.PATIENCE, exits.PATIENCE + 0.2), id="conmon hangs"),
    ],
)
def test_waiting_for_the_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    writes_at: float,
    ends_at: float,
    code: int | None,
    waited: tuple[float, float],
) -> None:
    conmon = Conmon(tmp_path / "exit", writes_at=writes_at, ends_at=ends_at)
    monkeypatch.setattr("libpod.oci.exits.time", conmon)
    monkeypatch.setattr("libpod.oci.exits.proc", conmon)
    found = exits.wait(str(tmp_path / "exit"), str(tmp_path), CONMON)
    assert (found.code if found else None) == code
    assert waited[0] <= conmon.now - 1000 <= waited[1]


def test_without_a_conmon_nobody_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("libpod.oci.exits.time.sleep")
    assert exits.wait(str(tmp_path / "exit"), str(tmp_path), 0) is None
