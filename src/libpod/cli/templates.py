"""What `--format` takes beside `json`: templates in the language of Go's text/template.

What people use of it is here: fields and their fields, `$` and variables, pipelines, parentheses, `if`,
`with`, `range`, `else`, `end`, comments, trimming (`{{-`), and the functions in `FUNCTIONS`. Where a template
means nothing, InvalidArgument says what and where. Values are printed as Go prints them: `[a b]`,
`map[key:value]`, `<no value>`.

Objects are mappings. One whose keys begin with capitals is a record: a field that it has not is a mistake,
while a missing key of any other mapping, labels for one, is `<no value>`.
"""

from __future__ import annotations

import json
import re

from libpod.errors import InvalidArgument
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    Scope = dict[str, Any]
    Printer = Callable[[Any, Scope], str]
    Value = Callable[[Any, Scope], Any]

_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+ | (?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`) | (?P<number>-?\d+(?:\.\d+)?\b)
    | (?P<field>(?:\$\w*)?(?:\.\w+)+|\$\w*|\.) | (?P<word>\w+) | (?P<sign>:=|[|(),=])""",
    re.VERBOSE,
)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MOMENTS = frozenset(
    (
        "Created", "CreatedAt", "CreatedTime", "StartedAt", "FinishedAt", "CheckpointedAt", "RestoredAt",
        "ExitedAt", "LastTagTime",
    )
)  # fmt: skip
"""The fields that hold a point in time. Labels may as well, but these are texts."""
_OVER_ALL = re.compile(r"\{\{-?\s*range\s+\.\s*-?\}\}")
"""How a template begins that is for the whole list, and not for each row."""
_ESCAPES = {r"\t": "\t", r"\n": "\n", r"\r": "\r"}
_NO_VALUE = "<no value>"
_DEPTH = 100


class Template:
    """A template. `render` gives its text for one object."""

    def __init__(self, text: str) -> None:
        for written, meant in _ESCAPES.items():
            text = text.replace(written, meant)
        parser = _Parser(text)
        self._printers = parser.block(("",))

    def render(self, value: object) -> str:
        """The text for *value*. Raises InvalidArgument for a field that it has not."""
        return _rendered(self._printers, value, {"$": value})


def _rendered(printers: Sequence[Printer], dot: object, scope: Scope) -> str:
    return "".join(printer(dot, scope) for printer in printers)


# ---------------------------------------------------------------- values


def truth(value: object) -> bool:
    """Go's truth: everything but zero, false, nothing, and what is empty."""
    return bool(value)


class Moment(str):
    """A point in time, RFC 3339; a template prints it as Go does."""

    __slots__ = ()

    def shown(self) -> str:
        """`2026-01-31 12:00:00.5 +0000 UTC`."""
        match = _MOMENT.fullmatch(self)
        assert match is not None
        day, clock, fraction, zone = match.groups()
        fraction = (fraction or "").rstrip("0").rstrip(".")
        zone = "+0000 UTC" if zone == "Z" else f"{zone.replace(':', '')} {zone.replace(':', '')}"
        return f"{day} {clock}{fraction} {zone}"

    def field(self, name: str) -> object:
        """What Go's time.Time tells of itself, as far as people ask for it."""
        from libpod.times import parse_time

        seconds = parse_time(str(self), source="--format", key=name)
        if name == "Unix":
            return int(seconds // 1)
        if name == "IsZero":
            return self.startswith("0001-01-01T00:00:00")
        raise InvalidArgument(f"--format: a time has no field .{name}", hint="fields: .Unix, .IsZero")


def shown(value: object) -> str:
    """*value* as Go's `fmt.Print` has it."""
    if value is None:
        return _NO_VALUE
    if isinstance(value, Moment):
        return value.shown()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(shown, value))}]"
    if isinstance(value, dict):
        if _is_record(value):
            return "{" + " ".join(map(shown, value.values())) + "}"
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    return str(value)


class Map(dict[str, object]):
    """A mapping whose keys are no fields, whatever letter they begin with: labels."""

    __slots__ = ()


def _is_record(value: Mapping[str, object]) -> bool:
    return not isinstance(value, Map) and bool(value) and all(key[:1].isupper() for key in value)


def field(value: object, name: str) -> Any:
    """Field *name* of an object; Podman's keys differ from its fields in capitals and in `_` alone."""
    if isinstance(value, Moment):
        return value.field(name)
    if not isinstance(value, dict):
        if value is None:
            return None
        raise InvalidArgument(f"--format: {shown(value)[:60]} has no field .{name}")
    if name in value:
        return _found(name, value[name])
    for key in value:
        if key.replace("_", "").lower() == name.lower():
            return value[key]
    if _is_record(value):
        raise InvalidArgument(
            f"--format: there is no field .{name}", hint=f"fields: {', '.join('.' + key for key in value)}"
        )
    return None


def _found(name: str, value: object) -> object:
    is_moment = name in _MOMENTS and isinstance(value, str) and _MOMENT.fullmatch(value)
    return Moment(value) if is_moment else value


# ---------------------------------------------------------------- functions


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list | tuple) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        elif value is not None:
            raise InvalidArgument(f"--format: index {key!r} is out of range")
    return value


def _printf(pattern: str, *values: Any) -> str:
    texts = iter(values)

    def one(match: re.Match[str]) -> str:
        flags, verb = match.group(1), match.group(2)
        if verb == "%":
            return "%"
        value = next(texts, None)
        if verb == "q":
            return json.dumps(shown(value), ensure_ascii=False)
        if verb in "dfxXeg" and isinstance(value, int | float):
            return f"%{flags}{verb}" % value
        return f"%{flags}s" % shown(value)

    return re.sub(r"%([-+ #0]*\d*(?:\.\d+)?)([vsdqtfxXeg%])", one, pattern)


def _all(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _any(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "index": _index,
    "len": lambda value: len(value or ()),
    "join": lambda value, between="": between.join(map(shown, value or ())),
    "split": lambda value, between: value.split(between),
    "lower": lambda value: shown(value).lower(),
    "upper": lambda value: shown(value).upper(),
    "title": lambda value: shown(value).title(),
    "pad": lambda value, before, after: " " * before + value + " " * after if value else value,
    "truncate": lambda value, length: shown(value)[:length],
    "print": lambda *values: "".join(map(shown, values)),
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "printf": _printf,
    "eq": lambda first, *others: first in others,
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "and": _all,
    "or": _any,
    "not": lambda value: not truth(value),
}


# ---------------------------------------------------------------- parsing


class _Token(NamedTuple):
    kind: str
    text: str


class _Parser:
    """Turns a template into functions that print it."""

    def __init__(self, text: str) -> None:
        self._pieces = list(_pieces(text))
        self._next = 0
        self._depth = 0
        self.ended_by = ""

    def block(self, enders: Sequence[str]) -> list[Printer]:
        """Everything up to an action that begins with one of *enders*; "" is the end of the template."""
        printers: list[Printer] = []
        while self._next < len(self._pieces):
            literal, action = self._pieces[self._next]
            self._next += 1
            if action is None:
                printers.append(lambda _dot, _scope, literal=literal: literal)  # type: ignore[misc]
                continue
            tokens = list(_tokens(action))
            keyword = tokens[0].text if tokens and tokens[0].kind == "word" else ""
            if keyword in ("end", "else"):
                if keyword not in enders:
                    raise _mistake(action, f"{keyword} stands alone")
                self.ended_by = action
                return printers
            printers.append(self._action(keyword, tokens, action))
        if "" not in enders:
            raise _mistake(self._pieces[-1][0], "an end is missing")
        return printers

    def _action(self, keyword: str, tokens: list[_Token], action: str) -> Printer:
        if keyword in ("if", "with", "range"):
            self._depth += 1
            if self._depth > _DEPTH:
                raise _mistake(action, "too many levels")
            printer = self._control(keyword, tokens[1:], action)
            self._depth -= 1
            return printer
        names, value = _pipeline(tokens, action)

        def put(dot: object, scope: Scope) -> str:
            found = value(dot, scope)
            if names:
                scope[names[-1]] = found
                return ""
            return shown(found)

        return put

    def _control(self, keyword: str, tokens: list[_Token], action: str) -> Printer:
        names, value = _pipeline(tokens, action)
        body = self.block(("end", "else"))
        otherwise: list[Printer] = []
        if self.ended_by.startswith("else"):
            rest = list(_tokens(self.ended_by))[1:]
            if rest:
                otherwise = [self._action(rest[0].text, rest, self.ended_by)]
            else:
                otherwise = self.block(("end",))

        def choose(dot: object, scope: Scope) -> str:
            found = value(dot, scope)
            if not truth(found):
                return _rendered(otherwise, dot, dict(scope))
            if keyword == "range":
                return "".join(
                    _rendered(body, item, {**scope, **_named(names, key, item)})
                    for key, item in _items(found)
                )
            return _rendered(body, found if keyword == "with" else dot, {**scope, **_named(names, found)})

        return choose


def _named(names: Sequence[str], *values: object) -> Scope:
    """The variables of a range or an if: with fewer names than values, the last values."""
    return dict(zip(names, values[len(values) - len(names) :], strict=False))


def _items(value: Any) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        return ((key, value[key]) for key in sorted(value))
    if isinstance(value, list | tuple):
        return enumerate(value)
    raise InvalidArgument(f"--format: {shown(value)[:60]} is no list: it has no range")


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Literal texts and actions in turn, with what `{{-` and `-}}` trim taken off, and without comments."""
    place, trim = 0, False
    for match in _ACTION.finditer(text):
        literal = text[place : match.start()]
        literal = literal.lstrip() if trim else literal
        yield (literal.rstrip() if match.group(1) else literal), None
        place, trim = match.end(), bool(match.group(3))
        if not match.group(2).startswith("/*"):
            yield match.group(0), match.group(2)
    rest = text[place:]
    if "{{" in rest:
        raise InvalidArgument(f"--format: {rest[rest.index('{{') :][:40]!r} is not closed by }}}}")
    yield (rest.lstrip() if trim else rest), None


def _tokens(action: str) -> Iterator[_Token]:
    place = 0
    while place < len(action):
        match = _TOKEN.match(action, place)
        if match is None:
            raise _mistake(action, f"{action[place:]!r} means nothing")
        if match.lastgroup:
            yield _Token(match.lastgroup, match.group())
        place = match.end()


def _mistake(action: str, what: str) -> InvalidArgument:
    return InvalidArgument(
        f"--format: {what} in {action!r}", hint="use json, or a template such as '{{.Names}} {{.State}}'"
    )


def _pipeline(tokens: list[_Token], action: str) -> tuple[list[str], Value]:
    """The variables that are set, and what computes the value."""
    names: list[str] = []
    signs = [token.text for token in tokens]
    if ":=" in signs or "=" in signs:
        split = signs.index(":=" if ":=" in signs else "=")
        names = [token.text for token in tokens[:split] if token.text.startswith("$")]
        tokens = tokens[split + 1 :]
    value: Value | None = None
    for stage in _split(tokens, "|"):
        value = _call(stage, action, value)
    if value is None:
        raise _mistake(action, "a value is missing")
    return names, value


def _split(tokens: list[_Token], sign: str) -> Iterator[list[_Token]]:
    depth = 0
    part: list[_Token] = []
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0
        if token.kind == "sign" and token.text == sign and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _call(tokens: list[_Token], action: str, piped: Value | None) -> Value:
    """One stage of a pipeline: a value, or a function with its arguments, the piped value last."""
    if not tokens:
        raise _mistake(action, "a value is missing")
    if tokens[0].kind == "word" and tokens[0].text not in ("true", "false", "nil"):
        function = FUNCTIONS.get(tokens[0].text)
        if function is None:
            raise _mistake(action, f"there is no function {tokens[0].text}")
        values = list(_operands(tokens[1:], action))
        return _application(function, tokens[0].text, values + ([piped] if piped else []))
    operands = list(_operands(tokens, action))
    if len(operands) != 1 or piped is not None:
        raise _mistake(action, "a function is missing")
    return operands[0]


def _application(function: Callable[..., Any], name: str, values: Sequence[Value]) -> Value:
    def apply(dot: object, scope: Scope) -> Any:
        try:
            return function(*(value(dot, scope) for value in values))
        except (TypeError, AttributeError, ValueError) as error:
            raise InvalidArgument(f"--format: {name} cannot be used like this: {error}") from error

    return apply


def _operands(tokens: list[_Token], action: str) -> Iterator[Value]:
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        place += 1
        if text == "(" and kind == "sign":
            end = _closing(tokens, place, action)
            _, value = _pipeline(tokens[place:end], action)
            place = end + 1
            if place < len(tokens) and tokens[place].text.startswith("."):
                value = _fields(value, tokens[place].text)
                place += 1
            yield value
        elif kind == "field":
            yield _path(text)
        elif kind == "sign":
            raise _mistake(action, f"{text} stands alone")
        else:
            yield _constant(kind, text, action)


def _closing(tokens: list[_Token], place: int, action: str) -> int:
    depth = 1
    for end in range(place, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return end
    raise _mistake(action, "a ) is missing")


def _path(text: str) -> Value:
    variable, *names = text.split(".")

    def look_up(dot: object, scope: Scope) -> Any:
        if variable and variable not in scope:
            raise InvalidArgument(f"--format: variable {variable} is not set")
        value = scope[variable] if variable else dot
        for name in names:
            value = field(value, name) if name else value
        return value

    return look_up


def _fields(inner: Value, path: str) -> Value:
    """`(…).Name`: fields of what is in parentheses."""
    outer = _path(path)
    return lambda dot, scope: outer(inner(dot, scope), scope)


def _constant(kind: str, text: str, action: str) -> Value:
    value: Any
    if kind == "text":
        value = text[1:-1] if text[0] == "`" else json.loads(text)
    elif kind == "number":
        value = float(text) if "." in text else int(text)
    elif text in ("true", "false", "nil"):
        value = {"true": True, "false": False, "nil": None}[text]
    else:
        raise _mistake(action, f"{text} means nothing")
    return lambda _dot, _scope: value


# ---------------------------------------------------------------- tables

_TABLE = "table"


def listed(
    text: str, rows: Sequence[Mapping[str, object]], headers: Mapping[str, str], *, heading: bool = True
) -> str:
    """Rows printed by the template *text*, one a line; with `table ` before it, in columns below headers.

    *headers* are the columns' names by field, where they are not the field's own in capitals.
    """
    from libpod.cli import output

    is_table = text.startswith((_TABLE + " ", _TABLE + r"\t"))
    if is_table:
        text = _in_columns(text.removeprefix(_TABLE).lstrip())
    template = Template(text)
    if _OVER_ALL.match(text):
        return output.printable(template.render(list(rows)), keep="\t\n")
    lines = [output.printable(template.render(row), keep="\t\n") for row in rows]
    if not is_table:
        return "\n".join(lines)
    names = {name: headers.get(name, _header(name)) for row in rows[:1] or ({},) for name in row}
    names.update(headers)
    cells = [line.split("\t") for line in lines]
    return output.table(_heading(text, names).split("\t"), cells, heading=heading)


def _in_columns(text: str) -> str:
    """Spaces between actions are between columns, as with Podman; those in an action are not."""
    place, pieces = 0, []
    for match in _ACTION.finditer(text):
        pieces += [text[place : match.start()].replace(" ", "\t"), match.group(0)]
        place = match.end()
    return "".join([*pieces, text[place:].replace(" ", "\t")])


def _header(name: str) -> str:
    """`CreatedAt` as `CREATED AT`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper()


def _heading(text: str, names: Mapping[str, str]) -> str:
    """The template with each action replaced by the name of the first field in it."""
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)

    def name(match: re.Match[str]) -> str:
        found = re.search(r"\.(\w+)", match.group(2))
        field_name = found.group(1) if found else ""
        return names.get(field_name, _header(field_name))

    return _ACTION.sub(name, text)
