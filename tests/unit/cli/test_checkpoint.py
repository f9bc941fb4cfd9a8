"""`container checkpoint` and `restore`: flags that mean nothing, or contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Place


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("checkpoint", "--compress", "zstd", "--export", "x", "c"), "zstd is not supported"),
        (("checkpoint", "--compress", "lz4", "--export", "x", "c"), "unknown compression 'lz4'"),
        (("checkpoint", "--compress", "gzip", "c"), "for --export"),
        (("checkpoint", "--ignore-rootfs", "c"), "for --export"),
        (("checkpoint", "--no-such-flag", "c"), "--no-such-flag"),
        (("restore", "--name", "n", "c"), "--name is for --import"),
        (("restore", "--import", "x", "c"), "not both"),
        (("restore", "--import", "x", "--all"), "not both"),
    ],
)
def test_what_makes_no_sense_is_refused(place: Place, arguments: tuple[str, ...], said: str) -> None:
    result = place.run("container", *arguments)

    assert result.status == 125
    assert said in result.stderr
    assert result.stdout == ""
    assert not place.root.exists()


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_they_are_verbs_of_containers_only(place: Place, verb: str) -> None:
    assert "unrecognized command" in place.run(verb, "c").stderr
