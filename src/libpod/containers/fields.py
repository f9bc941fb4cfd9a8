"""A read-only view of one JSON object with Go's rule that what is absent or null is the zero value."""

from __future__ import annotations

from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Fields:
    """The members of *raw*, read by their type.

    *source* names the object in errors ("container web, configuration"). Every reader raises
    `libpod.errors.DecodeError`, naming the source and the key, for a value of another type.
    """

    __slots__ = ("raw", "source")

    def __init__(self, raw: Mapping[str, object], source: str) -> None:
        self.raw = raw
        self.source = source

    def text(self, key: str, default: str = "") -> str:
        """The text at *key*."""
        return jsonutil.get_str(self.raw, key, default, source=self.source)

    def number(self, key: str, default: int = 0) -> int:
        """The whole number at *key*."""
        return jsonutil.get_int(self.raw, key, default, source=self.source)

    def flag(self, key: str) -> bool:
        """The truth value at *key*."""
        return jsonutil.get_bool(self.raw, key, default=False, source=self.source)

    def texts(self, key: str) -> list[str]:
        """The list of texts at *key*; empty if there is none."""
        return jsonutil.get_str_list(self.raw, key, None, source=self.source) or []

    def texts_or_null(self, key: str) -> list[str] | None:
        """The list of texts at *key*, or None where Go keeps no list at all and prints null."""
        return jsonutil.get_str_list(self.raw, key, None, source=self.source)

    def text_map(self, key: str) -> dict[str, str] | None:
        """The mapping of texts to texts at *key*, or None."""
        return jsonutil.get_str_map(self.raw, key, None, source=self.source)

    def child(self, key: str) -> Fields:
        """The object at *key*; an empty one if there is none."""
        found = jsonutil.get_object(self.raw, key, None, source=self.source)
        return Fields({} if found is None else found, f"{self.source}, {key}")

    def has(self, key: str) -> bool:
        """Whether there is anything but null at *key*."""
        return self.raw.get(key) is not None

    def children(self, key: str) -> list[Fields]:
        """The list of objects at *key*; empty if there is none."""
        found = jsonutil.get_list(self.raw, key, None, source=self.source) or ()
        place = f"{self.source}, {key}"
        return [Fields({str(number): item}, place).child(str(number)) for number, item in enumerate(found)]

    def members(self, key: str) -> dict[str, Fields]:
        """The object of objects at *key*, by name; empty if there is none."""
        inner = self.child(key)
        return {name: inner.child(name) for name in inner.raw}
