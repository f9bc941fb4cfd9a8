"""`libpod completion`: scripts that complete command lines, and the names that they complete."""

from __future__ import annotations

import re

from libpod.cli import codes, output, stores
from libpod.errors import InvalidArgument, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from argparse import Namespace
    from collections.abc import Iterator, Mapping
    from typing import Final

    from libpod.cli.grammar import Grammar

SHELLS: Final = ("bash", "zsh", "fish")
LISTS: Final = ("containers", "pods", "objects")
_PATIENCE: Final = 0.5
"""Seconds. Somebody waits at a prompt: rather no names than late ones."""
# The shell would expand anything else.
_HARMLESS: Final = re.compile(r"[a-zA-Z0-9_.-]+")
# What an argument of this name in the help is completed with.
_FUNCTIONS: Final = {"CONTAINER": "containers", "POD": "pods"}
_PREAMBLE: Final = {
    "bash": """\
# Prints the names of containers or pods ($1) that begin with $2, in the store that the command line names.
_libpod_list() {
  local -a where=()
  local index word value
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    case $word in
      --root|--runroot|--tmpdir|--config|--db-backend|--storage-driver)
        value=${COMP_WORDS[++index]}
        [[ $value == = ]] && value=${COMP_WORDS[++index]}
        where+=("$word" "$value") ;;
      -*|=) ;;
      *) break ;;
    esac
  done
  compgen -W "$("${COMP_WORDS[0]}" "${where[@]}" completion --list "$1" 2>/dev/null)" -- "$2"
}
_libpod_containers() { _libpod_list containers "$1"; }
_libpod_pods() { _libpod_list pods "$1"; }
_libpod_objects() { _libpod_list objects "$1"; }
""",
    "zsh": """\
# Adds the names of containers or pods ($1).
_libpod_list() {
  local -a names
  names=(${(f)"$(libpod completion --list $1 2>/dev/null)"})
  compadd -a names
}
_libpod_containers() { _libpod_list containers }
_libpod_pods() { _libpod_list pods }
_libpod_objects() { _libpod_list objects }
""",
}


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, nargs="?", help="the shell that is to read the script")
    parser.add_argument("--list", choices=LISTS, help="print names instead, one a line")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the script, or names. NotSupported where shtab is missing or does not know the shell."""
    if (options.shell is None) == (options.list is None):
        raise InvalidArgument("give either a shell or --list", hint=f"see '{options.prog} --help'")
    if options.list is None:
        output.data(script(options.shell).rstrip("\n"))
    elif names := sorted(set(_names(options))):
        output.data("\n".join(names))
    return codes.DONE


def script(shell: str) -> str:
    """The completion script for *shell*, one of SHELLS. NotSupported, as `run`."""
    try:
        import shtab
    except ImportError as error:
        raise NotSupported(
            "completion scripts are made by shtab, which is not installed",
            hint="install the package python3-shtab (Debian) or shtab (PyPI)",
        ) from error
    if shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise NotSupported(f"shtab {shtab.__version__} makes no scripts for {shell}, only for {known}")
    from libpod.cli.main import make_parser

    parser = make_parser()
    for action in _actions(parser):
        completed = _completion(action)
        if completed:
            vars(action)["complete"] = completed
    made: str = shtab.complete(parser, shell=shell, preamble=_PREAMBLE.get(shell, ""))
    return made


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of *parser* and of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for verb in action.choices.values():
                yield from _actions(verb)


def _completion(action: argparse.Action) -> Mapping[str, object] | None:
    """How shtab is to complete an argument, by shell; told by the name that the help has for its value."""
    import shtab

    if action.metavar in ("FILE", "DIR"):
        found: Mapping[str, object] = shtab.FILE if action.metavar == "FILE" else shtab.DIRECTORY
        return found
    name = _FUNCTIONS.get(str(action.metavar))
    if action.dest == "names" and not action.option_strings:
        name = "objects"
    return {"bash": f"_libpod_{name}", "zsh": f"_libpod_{name}"} if name else None


def harmless(names: Mapping[str, str]) -> Iterator[str]:
    """Names by ID; the ID in the place of a name in which a shell would see more than a word."""
    return (name if _HARMLESS.fullmatch(name) else identifier for identifier, name in names.items())


def _names(options: Namespace) -> Iterator[str]:
    """The names of the kind that `--list` asks for. None before this boot's refresh is done."""
    from libpod import state
    from libpod.state.records import CONTAINER, POD

    record = stores.finished(stores.collect(options, create=False))
    if record is None:
        return
    kinds = {"containers": (CONTAINER,), "pods": (POD,), "objects": (CONTAINER, POD)}[options.list]
    kind = state.SQLITE if record.database.endswith(state.SQLITE_NAME) else state.BOLTDB
    database = state.open(kind, record.database, read_only=True, timeout=_PATIENCE)
    try:
        for wanted in kinds:
            yield from harmless(database.names(wanted))
    finally:
        database.close()
