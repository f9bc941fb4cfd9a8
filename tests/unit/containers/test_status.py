"""The words for states."""

from __future__ import annotations

import pytest

from libpod.containers.status import pod_status, status_name, way_out

# What Podman 4.3.1 shows for a pod of two containers in these states, for every pair.
PAIRS = {
    "Created": "11 12 15 22 25",
    "Degraded": "03 13 23 34 35 36 37 38 39",
    "Error": "00 01 02 05 07 08 09 17 18 19 27 28 29 57 58 59 77 78 79 88 89 99",
    "Exited": "44 46 66",
    "Paused": "55",
    "Running": "33",
    "Stopped": "04 06 14 16 24 26 45 47 48 49 56 67 68 69",
}


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (-1, "bad state"),
        (0, "unknown"),
        (1, "created"),
        (2, "initialized"),
        (3, "running"),
        (4, "stopped"),
        (5, "paused"),
        (6, "exited"),
        (7, "removing"),
        (8, "stopping"),
        (9, "bad state"),
    ],
)
def test_each_state_has_a_word(number: int, word: str) -> None:
    assert status_name(number) == word


@pytest.mark.parametrize(
    ("states", "word"), [(states, word) for word, pairs in PAIRS.items() for states in pairs.split()]
)
def test_pods_of_two(states: str, word: str) -> None:
    assert pod_status([int(state) for state in states]) == word
    assert pod_status([int(state) for state in reversed(states)]) == word


def test_an_empty_pod_is_created() -> None:
    assert pod_status([]) == "Created"


@pytest.mark.parametrize(
    ("state", "wanted", "command"),
    [
        (5, (3,), "libpod unpause web"),
        (3, (1, 4, 6), "libpod stop web"),
        (8, (1, 4, 6), "libpod stop web"),
        (1, (3,), "libpod start web"),
        (6, (3, 8), "libpod start web"),
        (3, (5,), None),
        (7, (3,), None),
    ],
)
def test_the_way_out(state: int, wanted: tuple[int, ...], command: str | None) -> None:
    assert way_out(state, wanted, "web") == command
