"""Amounts of bytes as people write and read them."""

from __future__ import annotations

from libpod.errors import InvalidArgument

_SIZE = r"(?ai)(\d+(?:\.\d+)?) *([bkmgtp]?)(?:i?b)?"
_FACTORS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_LARGEST = (1 << 63) - 1
_DECIMAL_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def memory_size(text: str, option: str) -> int:
    """Bytes of `512`, `64k`, `1.5g`; -1 for `-1`. InvalidArgument naming *option* for anything else."""
    import re

    if text == "-1":
        return -1
    found = re.fullmatch(_SIZE, text.strip())
    if found is None:
        raise InvalidArgument(f"--{option} {text!r} is not an amount of memory", hint="such as 512m or 1.5g")
    amount = int(float(found[1]) * _FACTORS[found[2].lower()])
    if amount > _LARGEST:
        raise InvalidArgument(f"--{option} {text!r} is too large")
    return amount


def human_size(size: int, *, digits: int = 3, gap: str = " ") -> str:
    """Bytes in decimal units with so many digits: `2.01 MB`, as Podman's lists have them."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_DECIMAL_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    text = f"{amount:.{digits}g}"
    if "e" in text and unit < len(_DECIMAL_UNITS) - 1:
        # Rounded up to a thousand.
        text, unit = f"{amount / 1000:.{digits}g}", unit + 1
    return f"{text}{gap}{_DECIMAL_UNITS[unit]}"
