"""Amounts of bytes as people write and read them."""

from __future__ import annotations

import pytest

from libpod import sizes
from libpod.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("64k", 65536),
        ("1.5g", 1610612736),
        ("2M", 2097152),
        ("1gib", 1 << 30),
        ("10b", 10),
        ("1kb", 1024),
        ("-1", -1),
        (" 5m ", 5 << 20),
    ],
)
def test_memory_size(text: str, expected: int) -> None:
    assert sizes.memory_size(text, "memory") == expected


@pytest.mark.parametrize("text", ["", "x", "-2", "1q", "1 000", "nan", "1e3", "9999999p", "٣m"])
def test_bad_memory_size_names_the_option(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--memory"):
        sizes.memory_size(text, "memory")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1997895, "2 MB"),
        (2005974, "2.01 MB"),
        (999_600, "1 MB"),
        (10**20, "100 EB"),
    ],
)
def test_human_sizes(size: int, text: str) -> None:
    assert sizes.human_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1048576, "1.049MB"),
        (65536000, "65.54MB"),
        (10**24, "1e+06EB"),
    ],
)
def test_human_sizes_of_four_digits(size: int, text: str) -> None:
    assert sizes.human_size(size, digits=4, gap="") == text
