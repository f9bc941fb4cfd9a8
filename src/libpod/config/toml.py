"""Read a TOML file (TOML 1.0).

Most configuration files of containers hold plain lines only: comments, tables, and keys with strings, whole
numbers, `true`, `false` and lists of strings. Those are read here directly; the first line that is anything
else hands the whole file to tomli, so that the language has one meaning. Importing tomli takes longer than
all other work of a refresh that finds nothing to do.
"""

from __future__ import annotations

import os
import stat

from libpod.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_FILE = 1024 * 1024
"""Bytes; a configuration file beyond this is not one."""

_PLAIN_BYTES = bytes(range(0x20, 0x7F)) + b"\t\n"
_BLANK = " \t"


def read(path: str, *, required: str = "") -> dict[str, object] | None:
    """Return the tables of the TOML file at *path*; None where there is no such file.

    With *required*, a hint for people, a missing file is an error. Raises ConfigurationError with the path,
    and the line and column where there are any, when the file cannot be read or is not TOML.
    """
    data = _contents(path, required)
    return None if data is None else parse(data, path)


def parse(data: bytes, path: str) -> dict[str, object]:
    """Return the tables in *data*, the contents of *path*. Raises ConfigurationError."""
    if not data.translate(None, _PLAIN_BYTES):
        tables = _parse_plain(data.decode("ascii"))
        if tables is not None:
            return tables
    return _parse_all(_decode(data, path), path)


def _contents(path: str, required: str) -> bytes | None:
    try:
        # A FIFO must not block us.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            raise _unreadable(path, error, required) from error
        return None
    except OSError as error:
        hint = "check its permissions, or run as its owner" if isinstance(error, PermissionError) else None
        raise _unreadable(path, error, hint) from error
    try:
        _check_kind(os.fstat(descriptor), path)
        return _read_all(descriptor)
    except OSError as error:
        raise _unreadable(path, error, None) from error
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    data = b""
    while part := os.read(descriptor, LARGEST_FILE):
        data += part
    return data


def _unreadable(path: str, error: OSError, hint: str | None) -> ConfigurationError:
    return ConfigurationError(f"read configuration {path}: {error.strerror or error}", path=path, hint=hint)


def _check_kind(status: os.stat_result, path: str) -> None:
    problem = None
    if stat.S_ISDIR(status.st_mode):
        problem = "is a directory"
    elif not stat.S_ISREG(status.st_mode) and not _is_null(status):
        problem = "is not a regular file"
    elif status.st_size > LARGEST_FILE:
        problem = f"is larger than {LARGEST_FILE} bytes"
    if problem:
        raise ConfigurationError(
            f"read configuration {path}: {problem}", path=path, hint="put a TOML file there, or remove it"
        )


def _is_null(status: os.stat_result) -> bool:
    """/dev/null stands for an empty file, as with Podman."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise ConfigurationError(
            f"{path}, line {line}, column {column}: byte 0x{data[error.start]:02x} is not UTF-8",
            path=path,
            line=line,
            column=column,
            hint="TOML files are UTF-8; save the file in that encoding",
        ) from error


# ---------------------------------------------------------------- the whole language


def _parse_all(text: str, path: str) -> dict[str, object]:
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        problem, line, column = _position(str(error), text)
        raise ConfigurationError(
            f"{path}, line {line}, column {column}: {problem}",
            path=path,
            line=line,
            column=column,
            hint="the file is not valid TOML (https://toml.io); correct that line",
        ) from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: values are nested too deeply", path=path) from error


def _position(message: str, text: str) -> tuple[str, int, int]:
    """Split tomli's message into its text and the line and column that stand at its end in parentheses."""
    problem, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    if len(words) == 4 and words[1].isdigit() and words[3].isdigit():  # line N column M
        return problem, int(words[1]), int(words[3])
    return problem or message, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


# ---------------------------------------------------------------- plain files
#
# Every function returns None at the first thing that is not plain. tests/unit/config/test_toml.py compares
# the outcome with tomli's.


def _parse_plain(text: str) -> dict[str, object] | None:
    root: dict[str, object] = {}
    table: dict[str, object] | None = root
    lines = iter(text.split("\n"))
    for line in lines:
        line = line.strip(_BLANK)
        if not line or line[0] == "#":
            continue
        if line[0] == "[":
            table = _open_table(line, root)
            if table is None:
                return None
        elif table is None or not _read_key(line, lines, table):
            return None
    return root


def _open_table(line: str, root: dict[str, object]) -> dict[str, object] | None:
    name, bracket, rest = line[1:].partition("]")
    parts = [part.strip(_BLANK) for part in name.split(".")]
    if not bracket or not _is_end(rest) or not all(map(_is_bare, parts)):
        return None
    parent = root
    for part in parts[:-1]:
        child = parent.setdefault(part, {})
        if not isinstance(child, dict):
            return None
        parent = child
    if parts[-1] in parent:
        return None
    table: dict[str, object] = {}
    parent[parts[-1]] = table
    return table


def _read_key(line: str, lines: Iterator[str], table: dict[str, object]) -> bool:
    key, equals, text = line.partition("=")
    key, text = key.rstrip(_BLANK), text.lstrip(_BLANK)
    if not equals or not text or key in table or not _is_bare(key):
        return False
    value: object
    if text[0] == "[":
        value = _plain_list(text[1:], lines)
    elif text[0] in "\"'":
        value, rest = _plain_string(text)
        if not _is_end(rest):
            return False
    else:
        value = _plain_word(text.partition("#")[0].rstrip(_BLANK))
    table[key] = value
    return value is not None


def _is_bare(key: str) -> bool:
    return key.replace("_", "").replace("-", "").isalnum()


def _is_end(rest: str) -> bool:
    rest = rest.lstrip(_BLANK)
    return not rest or rest[0] == "#"


def _plain_word(word: str) -> bool | int | None:
    if word in ("true", "false"):
        return word == "true"
    digits = word[1:] if word[:1] == "-" else word
    if digits.isdigit() and digits[0] != "0" and len(digits) < 19:
        return int(word)
    return 0 if word == "0" else None


def _plain_string(text: str) -> tuple[str | None, str]:
    """Return the string that *text* begins with, and what follows it."""
    content, quote, rest = text[1:].partition(text[0])
    if not quote or (text[0] == '"' and "\\" in content):
        return None, ""
    return content, rest


def _plain_list(text: str, lines: Iterator[str]) -> list[object] | None:
    """Read strings up to the closing bracket; *text* is what follows the opening one, and goes on in
    *lines*."""
    values: list[object] = []
    separated = True
    while True:
        text = text.lstrip(_BLANK)
        if not text or text[0] == "#":
            following = next(lines, None)
            if following is None:
                return None
            text = following
        elif text[0] == "]":
            return values if _is_end(text[1:]) else None
        elif text[0] == "," and not separated:
            separated, text = True, text[1:]
        elif text[0] in "\"'" and separated:
            value, text = _plain_string(text)
            if value is None:
                return None
            values.append(value)
            separated = False
        else:
            return None
