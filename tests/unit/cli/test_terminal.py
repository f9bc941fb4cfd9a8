"""The keys that leave a container."""

from __future__ import annotations

import pytest

from libpod.cli.terminal import DetachKeys
from libpod.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b""),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-P", b"\x10"),
        ("a,b", b"ab"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
        ("~,.", b"~."),
    ],
)
def test_keys_that_are_understood(text: str, keys: bytes) -> None:
    assert DetachKeys(text).keys == keys


@pytest.mark.parametrize(
    "text", ["ctrl-", "ctrl-1", "pq", "ctrl-p,", ",", "ü", "ctrl-pp", "ctrl-ü", "\x10", "\n"]
)
def test_keys_that_mean_nothing(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no key"):
        DetachKeys(text)


@pytest.mark.parametrize(
    ("keys", "typed", "passed", "complete"),
    [
        ("ctrl-p,ctrl-q", [b"ls\n"], b"ls\n", False),
        ("ctrl-p,ctrl-q", [b"\x10\x11"], b"", True),
        ("ctrl-p,ctrl-q", [b"x\x10\x11"], b"x", True),
        ("ctrl-p,ctrl-q", [b"\x10", b"\x11"], b"", True),
        ("ctrl-p,ctrl-q", [b"\x10", b"x"], b"\x10x", False),
        ("ctrl-p,ctrl-q", [b"\x10\x10\x11"], b"\x10", True),
        ("ctrl-p,ctrl-q", [b"\x10", b"\x10", b"a"], b"\x10\x10a", False),
        ("a,a,b", [b"a", b"a", b"a", b"b"], b"a", True),
        ("a,b,a,c", [b"abab", b"ac"], b"ab", True),
        ("a,b,a,c", [b"abaabac"], b"aba", True),
        ("", [b"\x10\x11"], b"\x10\x11", False),
    ],
)
def test_what_is_typed(keys: str, typed: list[bytes], passed: bytes, complete: bool) -> None:
    found = DetachKeys(keys)
    results = [found.filter(data) for data in typed]
    assert b"".join(data for data, _ in results) == passed
    assert results[-1][1] is complete
    assert not any(done for _, done in results[:-1])
