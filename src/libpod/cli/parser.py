"""The grammar of the command line by argparse, with Podman's rules for what is refused and how.

It decides what is not plain (`libpod.cli.grammar`), and knows the help.
"""

from __future__ import annotations

import argparse

from libpod.cli import options as global_options
from libpod.cli import output, verbs
from libpod.cli.grammar import Grammar, WrongValue, truth
from libpod.errors import InvalidArgument
from libpod.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn

# Not in other languages: `Parser.error` knows its messages by their words, and to look for translations takes
# as long as all parsing.
argparse._ = str  # type: ignore[attr-defined]

_DESCRIPTION = "Keep containers and pods, and make their state true again after a reboot."


class Parser(argparse.ArgumentParser, Grammar):
    """A parser that raises InvalidArgument, and takes no flag by halves."""

    def __init__(self, *, prog: str, description: str, usage: str | None = None) -> None:
        super().__init__(prog=prog, description=description, usage=usage, allow_abbrev=False, add_help=False)
        self.asked: str | None = None
        # As those that argparse has itself, but a group that is asked for adds a flag without looking how
        # its help would be printed: with the hundred flags of `run` that takes longer than all parsing.
        self._words = self.add_argument_group("positional arguments")
        self._flags = self.add_argument_group("options")
        self._help = self._flags.add_argument(
            "-h", "--help", action="help", help="show this help message and exit"
        )

    def free_letter_of_help(self) -> None:
        """Let `-h` mean something else, as `run -h NAME` does with Podman; `--help` stays."""
        del self._option_string_actions["-h"]
        self._help.option_strings = ["--help"]

    def add_argument(self, *names: str, **keywords: Any) -> argparse.Action:
        """Add a flag or a positional argument."""
        group = self._flags if names[0].startswith("-") else self._words
        return group.add_argument(*names, **keywords)

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - we print to one place only
        """Print the help."""
        output.data(self.format_help().rstrip("\n"))

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found."""
        _, surplus, letters = message.partition(": ignored explicit argument ")
        if surplus:
            # Of grouped flags, `-ax`, the first that is not known; and what follows it.
            message = f"unknown flag: -{letters[1:-1]}"
        _, no_verb, rest = message.partition("argument VERB: invalid choice: '")
        if no_verb:
            message = f"unrecognized command '{self.prog} {rest.rpartition(chr(39) + ' (')[0]}'"
        raise InvalidArgument(message, hint=f"see '{self.prog} --help'")

    def add_verbs(self, table: Iterable[tuple[str, str]]) -> dict[str, Parser]:
        """Add verbs, given as names and descriptions. One of them must follow."""
        group = self.add_subparsers(title="verbs", metavar="VERB", parser_class=Parser, prog=self.prog)
        found = {}
        for name, description in table:
            found[name] = group.add_parser(
                name, help=_in_a_list(description), description=description, prog=f"{self.prog} {name}"
            )
        self.set_defaults(missing_verb=self)
        return found

    def _parse_optional(self, arg_string: str) -> Any:
        """A flag that takes no value may be told that it is meant: `--rm=true`, `-i=false`."""
        name, equals, value = arg_string.partition("=")
        if equals and arg_string not in self._option_string_actions:
            action = self._option_string_actions.get(name)
            if isinstance(action, argparse._StoreTrueAction):
                self._option_string_actions[arg_string] = _Told(action, name, value)
        return super()._parse_optional(arg_string)

    def _get_nargs_pattern(self, action: argparse.Action) -> str:
        """`run IMAGE -- x`: what follows the image is the container's, and so is a `--`."""
        pattern = super()._get_nargs_pattern(action)
        words = self._get_positional_actions()
        before_rest = action in words[:-1] and words[-1].nargs == argparse.REMAINDER
        return pattern.replace("-*)", ")") if before_rest else pattern

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except WrongValue as error:
            raise argparse.ArgumentError(action, str(error)) from error


class _Told(argparse.Action):
    """A flag without a value that was given one. Whether it can be one shows when it is this flag's turn."""

    def __init__(self, switch: argparse.Action, name: str, value: str) -> None:
        super().__init__([name], switch.dest, nargs=0)
        self._value = value

    def __call__(self, _parser: object, namespace: argparse.Namespace, *_ignored: object) -> None:
        try:
            setattr(namespace, self.dest, truth(self._value))
        except WrongValue as error:
            raise argparse.ArgumentError(self, str(error)) from error


class _Whole(Parser):
    """The parser of all verbs: its help has them in groups, a line each, before the global flags."""

    def format_help(self) -> str:
        """The help."""
        head, flags = self._get_formatter(), self._get_formatter()
        head.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        head.add_text(self.description)
        flags.start_section("options, before the verb")
        flags.add_arguments(self._flags._group_actions)
        flags.end_section()
        flags.add_text("Each verb has a help of its own: libpod VERB --help")
        return "\n".join([head.format_help(), *_grouped_verbs(), flags.format_help()])


def _grouped_verbs() -> Iterator[str]:
    for heading, group in verbs.GROUPS.items():
        lines = (f"  {name:<11} {_in_a_list(verb.description)}\n" for name, verb in group.items())
        yield f"{heading}:\n{''.join(lines)}"


def _in_a_list(description: str) -> str:
    first = description.partition(". ")[0].removesuffix(".")
    return (first[0].lower() + first[1:]).replace("%", "%%")


def make_parser(verb: str | None = None, following: str | None = None) -> Parser:
    """The whole grammar, or, quicker, the part of it that *verb* needs with the word *following* it."""
    parser = _Whole(prog="libpod", description=_DESCRIPTION, usage="libpod [options] VERB [arguments]")
    parser.add_argument("--version", action="version", version=f"libpod version {VERSION}")
    for flag in global_options.FLAGS:
        _add_flag(parser, flag)
    wanted = {verb: verbs.VERBS[verb]} if verb in verbs.VERBS else verbs.VERBS
    made = parser.add_verbs((name, entry.description) for name, entry in wanted.items())
    for name, entry in wanted.items():
        made[name].asked = following
        entry.configuration()(made[name])
    return parser


def _add_flag(parser: Parser, flag: global_options.Flag) -> None:
    parser.add_argument(
        flag.name,
        dest=flag.destination,
        metavar=flag.metavar,
        help=flag.help,
        choices=flag.choices or None,
        action="append" if flag.repeated else "store",
    )


def parse(given: global_options.Given) -> argparse.Namespace:
    """Parse what follows the global flags. Raises InvalidArgument that names what is wrong.

    `--help` prints it and raises SystemExit.
    """
    if given.verb is None or given.verb in global_options.HELP:
        return make_parser().parse_args([given.verb] if given.verb else [])
    if given.verb not in verbs.VERBS:
        raise InvalidArgument(f"unrecognized command 'libpod {given.verb}'", hint="see 'libpod --help'")
    parsed = argparse.Namespace(**given.values)
    parser = make_parser(given.verb, given.rest[0] if given.rest else None)
    parsed, rest = parser.parse_known_args([given.verb, *given.rest], parsed)
    if rest:
        raise _unknown(rest[0], parsed)
    return parsed


def _unknown(argument: str, parsed: argparse.Namespace) -> InvalidArgument:
    place = parsed.missing_verb.prog if parsed.missing_verb else parsed.prog
    name = argument.partition("=")[0]
    refused: dict[str, str] = getattr(parsed, "refused", {})
    if name in refused:
        return InvalidArgument(f"{name} is not supported", hint=refused[name])
    what = "unknown flag" if argument.startswith("-") else "unexpected argument"
    return InvalidArgument(f"{what}: {name}", hint=f"see '{place} --help'")
