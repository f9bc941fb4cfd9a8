"""JSON as Go programs write it, and typed access to what was read.

`dumps` gives the bytes of Go's `encoding/json`: compact, keys in the order of the mapping, text as UTF-8,
and `<`, `>`, `&`, U+2028 and U+2029 escaped, so that a record that is read and written again without a
change is the same record byte for byte (checked against databases that Podman 4.3.1 wrote).

The accessors are for values from outside: databases, tools, other programs' files. A key that is absent
or null is *default*, as in Go; without a default, and for a value of another type, they raise
`libpod.errors.DecodeError`, which names the source, the key and what was expected.

What is read is nearly always sound, and both ways go by what `json` itself uses, in C: to import `json`, with
the regular expressions that it compiles, takes longer than many a verb's reading. It reads whatever is not
sound, for its errors.
"""

from __future__ import annotations

from _json import encode_basestring, make_encoder, make_scanner

from libpod.errors import DecodeError, InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final, NoReturn, TypeVar

    T = TypeVar("T")

    REQUIRED: Any
else:
    REQUIRED = object()
"""The default of a key that must be there."""

# These occur in JSON text only inside strings, so the whole text may be searched.
_ESCAPES = (
    ("&", "\\u0026"),
    ("<", "\\u003c"),
    (">", "\\u003e"),
    ("\u2028", "\\u2028"),
    ("\u2029", "\\u2029"),
)
_SPACE = " \t\n\r"
_SHORT_ESCAPE = r"\\."
_SHORT_ESCAPES = {"\\b": "\\u0008", "\\f": "\\u000c"}
# A number that Python writes in another way than Go: "1.0", "1e-05", "1e+16".
_FLOAT = r"(?:^|[:,\[])-?\d+(?:\.0|(?:\.\d+)?e[+-]\d+)(?:$|[,}\]])"
_FLOAT_PARTS = (".0,", ".0}", ".0]", *(f"{digit}e{sign}" for digit in range(10) for sign in "+-"))


# ---------------------------------------------------------------- text to values and back


class _Rules:
    """What `make_scanner` wants to know: as json.JSONDecoder is without arguments, but for constants."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: Final[dict[str, str]] = {}

    @staticmethod
    def parse_constant(name: str) -> NoReturn:
        """Refuse NaN and Infinity."""
        raise ValueError(f"{name} is not a JSON value")


_scan = make_scanner(_Rules)  # type: ignore[arg-type]


def scan(text: str, start: int = 0) -> tuple[object, int]:
    """The value that begins at *start* in *text*, without space before it, and where it ends.

    ValueError or RecursionError where there is none.
    """
    try:
        return _scan(text, start)
    except (StopIteration, SystemError) as error:
        # Up to Python 3.12 it looks for the class of its own error in `json`, and fails so where that is not
        # imported.
        raise ValueError(f"no JSON value at character {start}") from error


def loads(data: bytes, source: str) -> object:
    """The value in *data*. DecodeError, naming *source* and the position, if it is not JSON in UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"{source}: invalid JSON: not UTF-8 text at byte offset {error.start}", source=source
        ) from error
    try:
        value, end = scan(text, len(text) - len(text.lstrip(_SPACE)))
        if not text[end:].strip(_SPACE):
            return value
    except (ValueError, RecursionError):
        pass
    return _loads_slowly(text, source)


def _loads_slowly(text: str, source: str) -> object:
    """As `loads`, with words for what is wrong."""
    import json

    try:
        return json.loads(text, parse_constant=_Rules.parse_constant)
    except json.JSONDecodeError as error:
        raise DecodeError(
            f"{source}: invalid JSON at line {error.lineno}, column {error.colno}: {error.msg}", source=source
        ) from error
    except (ValueError, RecursionError) as error:
        # A constant that is not JSON, a number of thousands of digits, or thousands of nested brackets.
        raise DecodeError(f"{source}: invalid JSON: {error}", source=source) from error


def loads_object(data: bytes, source: str) -> dict[str, object]:
    """The mapping in *data*. DecodeError if it is anything else."""
    value = loads(data, source)
    if not isinstance(value, dict):
        raise DecodeError(f"{source}: expected a JSON object, found {_kind(value)}", source=source)
    return value


def dumps(value: object) -> bytes:
    """*value* as Go's encoder writes it, without a newline at the end."""
    try:
        text = _encode(value)
        if _may_hold_float(text):
            text = _encode_slowly(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InternalError(f"value cannot be written as JSON: {error}") from error
    for character, escape in _ESCAPES:
        if character in text:
            text = text.replace(character, escape)
    if "\\b" in text or "\\f" in text:
        import re

        text = re.sub(_SHORT_ESCAPE, lambda match: _SHORT_ESCAPES.get(match[0], match[0]), text)
    # Half of a surrogate pair, read from an escape, has no UTF-8 form: it goes back to the escape it was.
    return text.encode("utf-8", "backslashreplace")


def _no_value(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} is not JSON")


# No look for circles, no indentation, no sorted keys, no keys left out, and no numbers that JSON has not.
_encoder = make_encoder(None, _no_value, encode_basestring, None, ":", ",", False, False, False)  # noqa: FBT003


def _encode(value: object) -> str:
    return "".join(_encoder(value, 0))


def _may_hold_float(text: str) -> bool:
    """Whether there is what looks like a number that Python writes in another way than Go: _FLOAT."""
    # The parts are in few texts, and most starts need no regular expression.
    if not text.endswith(".0") and not any(part in text for part in _FLOAT_PARTS):
        return False
    import re

    return re.search(_FLOAT, text) is not None


def _encode_slowly(value: object) -> str:
    """The same as the encoder, but with Go's form of floating-point numbers."""
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, dict):
        members = (f"{_encode(key)}:{_encode_slowly(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_encode_slowly, value)) + "]"
    return _encode(value)


def go_float(value: float) -> str:
    """A finite number as Go's encoder writes a float64: exponents only below 1e-6 and from 1e21."""
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return _without_exponent(mantissa, int(exponent))
    sign = "-" if exponent.startswith("-") else "+"
    return f"{mantissa}e{sign}{exponent.lstrip('+-').lstrip('0')}"


def _without_exponent(mantissa: str, exponent: int) -> str:
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    point = len(whole) + exponent
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits.ljust(point, '0')}"


# ---------------------------------------------------------------- typed access


def get_str(value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str) -> str | T:
    """The text at *key*."""
    found = _get(value, key, default, source)
    if found is default or isinstance(found, str):
        return found
    raise _wrong_type(key, "text", found, source)


def get_int(value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str) -> int | T:
    """The whole number at *key*."""
    found = _get(value, key, default, source)
    if found is default or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise _wrong_type(key, "a whole number", found, source)


def get_bool(value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str) -> bool | T:
    """The truth value at *key*."""
    found = _get(value, key, default, source)
    if found is default or isinstance(found, bool):
        return found
    raise _wrong_type(key, "true or false", found, source)


def get_list(
    value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str
) -> list[object] | T:
    """The list at *key*, the very one that is stored there."""
    found = _get(value, key, default, source)
    if found is default or isinstance(found, list):
        return found
    raise _wrong_type(key, "a list", found, source)


def get_object(
    value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str
) -> dict[str, object] | T:
    """The mapping at *key*, the very one that is stored there."""
    found = _get(value, key, default, source)
    if found is default or isinstance(found, dict):
        return found
    raise _wrong_type(key, "an object", found, source)


def get_str_list(
    value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str
) -> list[str] | T:
    """The list of texts at *key*."""
    found = get_list(value, key, default, source=source)
    if isinstance(found, list) and found is not default:
        _check_texts(key, enumerate(found), "{}[{}]", source)
    return found  # type: ignore[return-value]


def get_str_map(
    value: Mapping[str, object], key: str, default: T = REQUIRED, *, source: str
) -> dict[str, str] | T:
    """The mapping of texts to texts at *key*."""
    found = get_object(value, key, default, source=source)
    if isinstance(found, dict) and found is not default:
        _check_texts(key, found.items(), "{}.{}", source)
    return found  # type: ignore[return-value]


def _check_texts(key: str, items: Iterable[tuple[object, object]], place: str, source: str) -> None:
    for name, item in items:
        if not isinstance(item, str):
            raise _wrong_type(place.format(key, name), "text", item, source)


def _get(value: Mapping[str, object], key: str, default: object, source: str) -> object:
    found = value.get(key)
    if found is not None:
        return found
    if default is REQUIRED:
        state = "is null" if key in value else "is missing"
        raise DecodeError(f"{source}: {key} {state}", source=source, key=key)
    return default


def _wrong_type(key: str, expected: str, found: object, source: str) -> DecodeError:
    return DecodeError(f"{source}: {key}: expected {expected}, found {_kind(found)}", source=source, key=key)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:60]!r}"
    return "a list" if isinstance(value, list) else "an object"


def copied(value: T) -> T:
    """A copy of *value* that shares no list and no mapping with it. As `copy.deepcopy`, for JSON alone."""
    found: Any = value
    if isinstance(found, dict):
        found = {name: copied(inner) for name, inner in found.items()}
    elif isinstance(found, list):
        found = [copied(inner) for inner in found]
    return found  # type: ignore[no-any-return]
