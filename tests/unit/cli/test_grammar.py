"""The quick way to read a command line: it says the same as argparse, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libpod.cli import grammar, options, parser, verbs
from libpod.errors import InvalidArgument

if TYPE_CHECKING:
    import argparse

NOUNS = {
    "container": {**verbs.CONTAINER_VERBS, **verbs.CONTAINER_ONLY_VERBS},
    "image": verbs.IMAGE_VERBS,
    "pod": verbs.POD_VERBS,
    "volume": ("create", "exists", "inspect", "ls", "rm", "prune", "mount", "unmount"),
    "network": ("ls", "inspect"),
    "db": ("check", "dump"),
}
LINES: list[tuple[str, ...]] = [(verb,) for verb in verbs.VERBS if verb not in NOUNS]
LINES += [(noun, verb) for noun, table in NOUNS.items() for verb in table]
WORDS = (
    "",
    "a",
    "a=b",
    "-",
    "--",
    "-5",
    "json",
    "{{.Names}}",
    "7",
    "-x",
    "--nosuch",
    "--nosuch=1",
    "x y",
    "-a b",
)
PLAIN = """\
ps
ps -a
ps -aq --no-trunc
ps --filter status=exited --format {{.Names}}
ps --format=json
ps -n 5
stats --no-stream
stats -i 3 a b
run --rm bb true
run -it --name=x bb sh -c ls
run -d -p 80:80 -v/a:/b --network none bb
run --sig-proxy=false bb
run bb --rm
run --rm=true -h web bb
exec -l ls
stop --latest
stop --filter name=a
exec -it c sh
exec c ls -l
start a b
stop -t5 a
rm -f a b
rm a --force
kill -s HUP c
logs -f --tail 5 c
inspect a
inspect -f json a b
container cleanup --rm a
container cleanup --exec s a
container inspect a
pod create --name p
pod create --infra=false p
pod ps
pod rm -fa
volume create v
volume ls -q
images
cp -a c:/x y
commit c image
port c
port c 80
top c -o pid
refresh --format json
pull -q bb
attach --sig-proxy c
network inspect a b
"""
UNUSUAL = """\
ps x
ps -x
ps --sort nothing
ps -n many
ps --format xml
ps --help
start a -- -b
rm a -f b
rename a
ps --all=maybe
ps -a=true
pod
pod nosuch
stop --time
cp a
run --pull bb
attach --sig-proxy=x c
"""


def told(found: argparse.Namespace) -> dict[str, object]:
    """The values. Of functions that are made for a verb each time only the name can be compared."""
    return {name: value.__qualname__ if name == "run" else value for name, value in vars(found).items()}


def quick(line: list[str]) -> dict[str, object] | None:
    """What the quick way says; None where it is not sure."""
    verb, *rest = line
    plain = grammar.Plain(f"libpod {verb}")
    plain.asked = rest[0] if rest else None
    try:
        verbs.VERBS[verb].configuration()(plain)
        return told(grammar.namespace({**options.split(line).values, **plain.read(rest)}))
    except grammar.Unsure:
        return None


def thorough(line: list[str]) -> dict[str, object] | None:
    """What argparse says; None where it refuses the line."""
    try:
        return told(parser.parse(options.split(line)))
    except InvalidArgument:
        return None


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A verb with flags of its own and others, values and words, in any order."""
    path = draw(st.sampled_from(LINES))
    whole = parser.make_parser(*path[:2])
    for word in path:
        (action,) = (action for action in whole._actions if isinstance(action.choices, dict))
        choices: Any = action.choices
        whole = choices[word]
    flags = [name for name in whole._option_string_actions if name not in options.HELP]
    chosen = st.sampled_from(flags or ["-z"])
    value = st.sampled_from(WORDS)
    pieces = st.one_of(
        chosen.map(lambda flag: [flag]),
        value.map(lambda text: [text]),
        st.tuples(chosen, value).map(list),
        st.tuples(chosen, value).map(lambda pair: ["=".join(pair)]),
        st.tuples(chosen, chosen, value).map(lambda parts: [parts[0] + parts[1].lstrip("-") + parts[2]]),
    )
    return [*path, *(text for piece in draw(st.lists(pieces, max_size=6)) for text in piece)]


@settings(max_examples=300)
@given(lines())
@example(["run", "-it", "--rm", "-e", "A=1", "-p80:80", "bb", "sh", "-c", "--", "-x"])
@example(["rm", "a", "-f", "b"])
@example(["untag", "-", "a"])
@example(["create", "--pull", "bb", "true"])
@example(["volume", "prune", "--filter=--"])
@example(["commit", "-p", "c", "image"])
def test_the_quick_way_says_the_same_or_nothing(line: list[str]) -> None:
    found = quick(line)
    assert found is None or found == thorough(line)


@pytest.mark.parametrize("line", PLAIN.splitlines())
def test_what_people_type_is_read_the_quick_way(line: str) -> None:
    found = quick(line.split())
    assert found is not None
    assert found == thorough(line.split())


@pytest.mark.parametrize("line", UNUSUAL.splitlines())
def test_what_is_not_plain_is_left_to_argparse(line: str) -> None:
    assert quick(line.split()) is None
