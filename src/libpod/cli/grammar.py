"""How a verb says which arguments it takes, and the quick way to read a command line by that.

To load argparse and to make its parsers takes longer than many verbs take to run. `Plain` reads the plain
command lines, which nearly all are: known flags with good values, and the words in one place. Whatever it is
not sure of - an error, a help, an unusual order - it leaves to argparse (`libpod.cli.parser`), which is told
the same by the same functions, and whose word is final.
"""

from __future__ import annotations

import sys

from libpod.cli import verbs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final, Self

    from libpod.cli.options import Given

    Run = Callable[[Namespace], int]

REMAINDER: Final = "..."
"""The `nargs` of an argument that takes all words that are left, flags too: argparse.REMAINDER."""

_SIMPLE: Final = {None, "?", "*", "+", REMAINDER}
_ACTIONS: Final = {"store", "store_true", "append"}


class WrongValue(Exception):  # noqa: N818 - it is what is wrong, not that
    """A value that a flag does not take. Its text says why."""


class Unsure(Exception):  # noqa: N818 - no error: argparse is asked next
    """A command line that is not plain."""


class Grammar:
    """What both kinds of parsers have, for the functions that describe a verb's arguments."""

    prog: str
    asked: str | None
    """The word that follows a noun on the command line."""

    if TYPE_CHECKING:

        def add_argument(self, *names: str, **keywords: Any) -> object:
            """Add a flag or a positional argument, as argparse does."""

        def add_verbs(self, table: Iterable[tuple[str, str]]) -> Mapping[str, Self]:
            """Add verbs, given as names and descriptions. One of them must follow."""

        def set_defaults(self, **values: Any) -> None:
            """Set attributes that are no arguments, or the defaults of some that are."""

        def free_letter_of_help(self) -> None:
            """Let `-h` mean something else, as `run -h NAME` does with Podman; `--help` stays."""

    def add_noun(self, table: Mapping[str, verbs.Verb]) -> None:
        """Add the verbs of a noun; where the one that is asked for is among them, that one alone.

        conmon waits for `container cleanup` at the end of every container: to make the grammar of all other
        verbs would take longer than its work.
        """
        wanted = {name: verb for name, verb in table.items() if name == self.asked} or table
        made = self.add_verbs((name, verb.description) for name, verb in wanted.items())
        for name, verb in wanted.items():
            verb.configuration()(made[name])

    def runs(self, run: Run) -> None:
        """Call *run* with what was parsed; its value is the exit status."""
        self.set_defaults(run=run, missing_verb=None, prog=self.prog)

    def add_detach_keys(self) -> None:
        """Add `--detach-keys`, for a verb that may connect a terminal to a container."""
        self.add_argument(
            "--detach-keys", metavar="KEYS", help="what to type to leave it running (ctrl-p,ctrl-q)"
        )

    def add_attach_flags(self) -> None:
        """Add the flags of a verb that connects us to a container's first process."""
        self.add_detach_keys()
        self.add_switch("--sig-proxy", default=True, help="give signals that we get to the container (true)")

    def add_switch(self, *names: str, default: bool | None = None, help: str) -> None:  # noqa: A002
        """Add a flag that is true or false; *default* without it."""
        self.add_argument(*names, action="store_true", default=default, help=help)

    def add_format(self, *short: str, templates: bool = True) -> None:
        """Add `--format json`, and *templates* as well (`libpod.cli.templates`)."""
        flags = (*short, "--format")
        if templates:
            self.add_argument(
                *flags, metavar="json|TEMPLATE", type=_form, help="print JSON, or what a template says"
            )
        else:
            self.add_argument(*flags, choices=("json",), help="print JSON instead of text")


def truth(text: str) -> bool:
    """The value that was given to a flag without one, `--rm=false`, as Go's strconv.ParseBool takes it."""
    word = text.lower()
    if word in ("true", "t", "1"):
        return True
    if word in ("false", "f", "0"):
        return False
    raise WrongValue(f"{text!r} is not true or false")


def _form(text: str) -> str:
    """The template *text*, or `json` for one that says no more."""
    if text.replace("{{", " ").replace("}}", " ").split() in (["json"], ["json", "."]):
        return "json"
    if text != "json" and "{{" not in text:
        raise WrongValue(f"{text!r} is neither json nor a template such as '{{{{.Names}}}}'")
    return text


def _told(text: str) -> bool:
    try:
        return truth(text)
    except WrongValue as error:
        raise Unsure from error


class _Argument:
    """One flag or positional argument, with the keywords that argparse has for it."""

    __slots__ = ("action", "choices", "default", "destination", "kind", "nargs")

    def __init__(self, names: Sequence[str], keywords: Mapping[str, Any]) -> None:
        self.action: str = keywords.get("action", "store")
        self.nargs: str | None = keywords.get("nargs")
        if self.action not in _ACTIONS or self.nargs not in _SIMPLE:
            raise Unsure
        self.kind = keywords.get("type")
        self.choices = keywords.get("choices")
        self.default = keywords.get("default", False if self.action == "store_true" else None)
        if self.kind is not None and isinstance(self.default, str):
            self.default = self.value(self.default)
        name = keywords.get("dest") or next((name for name in names if name.startswith("--")), names[0])
        self.destination: str = name.lstrip("-").replace("-", "_") if names[0].startswith("-") else name

    def value(self, text: str) -> object:
        """What *text* stands for."""
        try:
            value = text if self.kind is None else self.kind(text)
        except (WrongValue, ValueError, TypeError) as error:
            raise Unsure from error
        if self.choices is not None and value not in self.choices:
            raise Unsure
        return value


class Plain(Grammar):
    """Reads plain command lines of one verb. *prog* is what it is called in messages."""

    def __init__(self, prog: str) -> None:
        self.prog = prog
        self.asked = None
        self._flags: dict[str, _Argument] = {}
        self._words: list[_Argument] = []
        self._values: dict[str, object] = {}
        self._verbs: dict[str, Plain] = {}

    def add_argument(self, *names: str, **keywords: Any) -> None:
        """As argparse's. Unsure for what is not plain."""
        argument = _Argument(names, keywords)
        self._values.setdefault(argument.destination, argument.default)
        if names[0].startswith("-"):
            self._flags.update(dict.fromkeys(names, argument))
        else:
            self._words.append(argument)

    def add_verbs(self, table: Iterable[tuple[str, str]]) -> dict[str, Plain]:
        """As the parser's."""
        self._verbs = {name: Plain(f"{self.prog} {name}") for name, _description in table}
        return self._verbs

    def set_defaults(self, **values: Any) -> None:
        """As argparse's."""
        self._values.update(values)

    def free_letter_of_help(self) -> None:
        """As the parser's: no letter is help here."""

    def read(self, words: Sequence[str]) -> dict[str, object]:
        """The values by their attributes. Unsure for a command line that is not plain."""
        if self._verbs:
            if not words or words[0] not in self._verbs:
                raise Unsure
            return self._verbs[words[0]].read(words[1:])
        values = dict(self._values)
        self._take_words(self._take_flags(list(words), values), values)
        return values

    def _take_flags(self, words: list[str], values: dict[str, object]) -> list[str]:
        """Store the flags; the words that are left, which must have stood in one place."""
        taken = 0
        found: list[str] = []
        takes_rest = bool(self._words) and self._words[-1].nargs == REMAINDER
        while taken < len(words):
            word = words[taken]
            if len(word) > 1 and word[0] == "-":
                taken = self._take_flag(word, words, taken + 1, values)
                continue
            if found:
                raise Unsure
            start = taken
            while taken < len(words) and (takes_rest or len(words[taken]) < 2 or words[taken][0] != "-"):
                taken += 1
            found = words[start:taken]
        if "--" in found:
            raise Unsure
        return found

    def _take_flag(self, word: str, words: Sequence[str], taken: int, values: dict[str, object]) -> int:
        """Store the flag *word*; how many words are taken then."""
        argument = self._flags.get(word)
        if argument is not None:
            if argument.action != "store_true":
                return self._take_value(argument, None, words, taken, values)
            values[argument.destination] = True
            return taken
        name, equals, text = word.partition("=")
        if not equals and word[1] != "-":
            return self._take_cluster(word[1:], words, taken, values)
        argument = self._flags.get(name)
        if argument is None or not equals or not name.startswith("--"):
            raise Unsure
        if argument.action != "store_true":
            return self._take_value(argument, text, words, taken, values)
        values[argument.destination] = _told(text)
        return taken

    def _take_cluster(self, letters: str, words: Sequence[str], taken: int, values: dict[str, object]) -> int:
        """Store flags of one letter that are written together, such as `-it` or `-p80`."""
        for place, letter in enumerate(letters, 1):
            argument = self._flags.get(f"-{letter}")
            if argument is None:
                raise Unsure
            if argument.action != "store_true":
                return self._take_value(argument, letters[place:] or None, words, taken, values)
            values[argument.destination] = True
        return taken

    @staticmethod
    def _take_value(
        argument: _Argument, text: str | None, words: Sequence[str], taken: int, values: dict[str, object]
    ) -> int:
        """Store *text*, or without one the next word, as the value of a flag; how many words are taken."""
        if argument.nargs not in (None, "?") or text == "--":
            raise Unsure
        if text is None:
            if argument.nargs == "?" or taken == len(words) or words[taken].startswith("-"):
                raise Unsure
            text = words[taken]
            taken += 1
        value = argument.value(text)
        if argument.action == "append":
            before: Any = values[argument.destination] or []
            value = [*before, value]
        values[argument.destination] = value
        return taken

    def _take_words(self, words: list[str], values: dict[str, object]) -> None:
        """Give each positional argument its words: what must be there first, then as many as it takes."""
        may_be_absent = False
        for argument in self._words:
            count = len(words) if argument.nargs in ("*", "+", REMAINDER) else min(len(words), 1)
            if (argument.nargs in (None, "+") and not count) or (argument.nargs is None and may_be_absent):
                raise Unsure
            may_be_absent = may_be_absent or argument.nargs is not None
            found = [argument.value(word) for word in words[:count]]
            del words[:count]
            if argument.nargs in (None, "?"):
                values[argument.destination] = found[0] if found else argument.default
            elif argument.nargs == REMAINDER or found or argument.default is None:
                values[argument.destination] = found
            else:
                values[argument.destination] = argument.default
        if words:
            raise Unsure


def namespace(values: Mapping[str, object]) -> Namespace:
    """The values as attributes, as argparse gives them."""
    # The type that `types` calls SimpleNamespace; to import that for its name takes longer than all of this.
    found: Namespace = type(sys.implementation)(**values)  # type: ignore[assignment]
    return found


def parse(given: Given) -> Namespace:
    """Parse what follows the global flags. Raises InvalidArgument that names what is wrong.

    `--help` prints it and raises SystemExit.
    """
    verb = verbs.VERBS.get(given.verb or "")
    if verb is not None:
        try:
            plain = Plain(f"libpod {given.verb}")
            plain.asked = given.rest[0] if given.rest else None
            verb.configuration()(plain)
            return namespace({**given.values, **plain.read(given.rest)})
        except Unsure:
            pass
    from libpod.cli import parser

    return parser.parse(given)
