"""The grammar of the command line: what is refused, by which words."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from libpod.cli import options, parser, refresh, verbs
from libpod.cli.main import main, make_parser
from libpod.errors import InvalidArgument
from libpod.version import VERSION


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse a command line."""
    return parser.parse(options.split(arguments))


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nosuch"], "unrecognized command 'libpod nosuch'", "see 'libpod --help'"),
        (["--root", "ps", "nosuch"], "unrecognized command 'libpod nosuch'", "see 'libpod --help'"),
        (["--nosuch"], "unknown flag: --nosuch", "see 'libpod --help'"),
        (["--nosuch", "x", "ps"], "unknown flag: --nosuch", "see 'libpod --help'"),
        (["--nosuch=x", "ps"], "unknown flag: --nosuch", "see 'libpod --help'"),
        (["-x", "ps"], "unknown flag: -x", "see 'libpod --help'"),
        (["--roo", "x", "ps"], "unknown flag: --roo", "see 'libpod --help'"),
        (["ps", "--nosuch"], "unknown flag: --nosuch", "see 'libpod ps --help'"),
        (["ps", "--nosuch=1"], "unknown flag: --nosuch", "see 'libpod ps --help'"),
        (["ps", "--al"], "unknown flag: --al", "see 'libpod ps --help'"),
        (["ps", "-ax"], "unknown flag: -x", "see 'libpod ps --help'"),
        (["ps", "--root", "x"], "unknown flag: --root", "see 'libpod ps --help'"),
        (["ps", "name"], "unexpected argument: name", "see 'libpod ps --help'"),
        (
            ["ps", "--format", "xml"],
            "argument --format: 'xml' is neither json nor a template",
            "see 'libpod ps --help'",
        ),
        (["ps", "--format"], "argument --format: expected one argument", "see 'libpod ps --help'"),
        (["pod", "--nosuch"], "unknown flag: --nosuch", "see 'libpod pod --help'"),
        (["pod", "ps", "--nosuch"], "unknown flag: --nosuch", "see 'libpod pod ps --help'"),
        (["pod", "nosuch"], "unrecognized command 'libpod pod nosuch'", "see 'libpod pod --help'"),
        (["pod", "exists"], "the following arguments are required: POD", "see 'libpod pod exists --help'"),
        (["db", "nosuch"], "unrecognized command 'libpod db nosuch'", "see 'libpod db --help'"),
        (["--root"], "flag needs an argument: --root", "see 'libpod --help'"),
        (["--root", "", "ps"], "flag --root must not be empty", "see 'libpod --help'"),
        (["--root=", "ps"], "flag --root must not be empty", "see 'libpod --help'"),
        (
            ["--db-backend", "mysql", "ps"],
            "flag --db-backend must be boltdb, sqlite or memory, not mysql",
            "see 'libpod --help'",
        ),
        (
            ["--log-level", "loud", "ps"],
            "flag --log-level must be trace, debug, info, ",
            "see 'libpod --help'",
        ),
        (["completion", "tcsh"], "argument shell: invalid choice: 'tcsh'", "see 'libpod completion --help'"),
    ],
)
def test_wrong_command_lines_are_named(arguments: list[str], message: str, hint: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(arguments)
    assert caught.value.message.startswith(message)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("arguments", "verb", "rest"),
    [
        ([], None, []),
        (["ps"], "ps", []),
        (["--root", "/srv", "ps", "-a"], "ps", ["-a"]),
        (["--root=/srv", "ps"], "ps", []),
        (["--root", "--runroot", "ps", "--root"], "ps", ["--root"]),
        (["--help"], "--help", []),
        (["-h", "ps"], "-h", ["ps"]),
        (["--root", "x", "--version"], "--version", []),
        (["--root", "x"], None, []),
    ],
)
def test_the_verb_is_found_behind_the_global_flags(
    arguments: list[str], verb: str | None, rest: list[str]
) -> None:
    given = options.split(arguments)
    assert (given.verb, list(given.rest)) == (verb, rest)


@pytest.mark.parametrize("flags", [[], ["--root", "/r"], ["--storage-opt", "a=b", "--log-level=debug"]])
def test_the_short_way_of_refresh_is_the_same(flags: list[str]) -> None:
    given = options.split([*flags, "refresh"])
    assert vars(refresh.plain(given)) == vars(parser.parse(given))


def test_every_global_flag_overrides_its_setting() -> None:
    given = {
        "--root": "/r",
        "--runroot": "/rr",
        "--tmpdir": "/t",
        "--storage-driver": "vfs",
        "--storage-opt": "overlay.mountopt=nodev",
        "--runtime": "runc",
        "--conmon": "/bin/conmon",
        "--cgroup-manager": "systemd",
        "--cni-config-dir": "/cni",
        "--hooks-dir": "/hooks",
        "--db-backend": "sqlite",
    }
    parsed = parse([word for pair in given.items() for word in pair] + ["--storage-opt", "x=y", "ps"])
    assert options.overrides(parsed) == {
        "graph_root": "/r",
        "run_root": "/rr",
        "tmp_dir": "/t",
        "graph_driver_name": "vfs",
        "graph_driver_options": ["overlay.mountopt=nodev", "x=y"],
        "runtime": "runc",
        "conmon_path": "/bin/conmon",
        "cgroup_manager": "systemd",
        "cni_config_dir": "/cni",
        "hooks_dir": ["/hooks"],
        "hooks_dir_not_exist_fatal": True,
        "database_backend": "sqlite",
    }
    assert options.config_file(parsed) is None


def test_nothing_is_overridden_by_itself() -> None:
    parsed = parse(["ps"])
    assert options.overrides(parsed) == {}
    assert (parsed.all, parsed.quiet, parsed.no_trunc, parsed.format) == (False, False, False, None)


@pytest.mark.parametrize(
    ("level", "traceback", "warnings"),
    [
        (None, False, True),
        ("trace", True, True),
        ("debug", True, True),
        ("info", False, True),
        ("warn", False, True),
        ("warning", False, True),
        ("error", False, False),
        ("fatal", False, False),
        ("panic", False, False),
    ],
)
def test_log_levels(level: str | None, traceback: bool, warnings: bool) -> None:
    parsed = parse([*(["--log-level", level] if level else []), "ps"])
    assert (options.wants_traceback(parsed), options.wants_warnings(parsed)) == (traceback, warnings)


def test_short_flags_may_be_written_together() -> None:
    parsed = parse(["ps", "-aq", "--no-trunc"])
    assert (parsed.all, parsed.quiet, parsed.no_trunc) == (True, True, True)


@pytest.mark.parametrize(
    ("arguments", "prog"), [([], "libpod"), (["pod"], "libpod pod"), (["db"], "libpod db")]
)
def test_a_missing_verb_is_told(arguments: list[str], prog: str) -> None:
    assert parse(arguments).missing_verb.prog == prog


def subparsers(whole: parser.Parser) -> dict[str, Any]:
    """The parsers of the verbs."""
    (action,) = (action for action in whole._actions if action.dest == "==SUPPRESS==" and action.choices)
    return dict(action.choices or {})


def test_the_whole_grammar_has_every_verb() -> None:
    assert list(subparsers(make_parser())) == list(verbs.VERBS)


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_the_grammar_of_one_verb_is_the_same_in_the_whole(verb: str) -> None:
    alone = subparsers(parser.make_parser(verb))
    assert list(alone) == [verb]
    assert alone[verb].format_help() == subparsers(make_parser())[verb].format_help()


@pytest.mark.parametrize(
    ("noun", "table"),
    [
        ("container", {**verbs.CONTAINER_VERBS, **verbs.CONTAINER_ONLY_VERBS}),
        ("image", verbs.IMAGE_VERBS),
        ("pod", verbs.POD_VERBS),
    ],
)
def test_the_grammar_of_a_noun_s_verb_is_the_same_in_the_whole(
    noun: str, table: dict[str, verbs.Verb]
) -> None:
    whole = subparsers(subparsers(make_parser())[noun])
    assert whole.keys() == table.keys()
    for verb in table:
        alone = subparsers(subparsers(parser.make_parser(noun, verb))[noun])
        assert alone.keys() == {verb}
        assert alone[verb].format_help() == whole[verb].format_help()


def test_help_has_a_line_for_every_verb_and_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert not caught.value.code
    text = capsys.readouterr().out
    for flag in options.FLAGS:
        assert flag.name in text
    lines = text.splitlines()
    for heading, group in verbs.GROUPS.items():
        place = lines.index(f"{heading}:")
        assert [line.split()[0] for line in lines[place + 1 : place + 1 + len(group)]] == list(group)
    assert max(map(len, lines)) <= 80


def test_the_other_words_for_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", "/srv", "-v"]) == 0
    assert capsys.readouterr().out == f"libpod version {VERSION}\n"
    texts = []
    for words in (["help", "ps"], ["ps", "--help"], ["help"], ["--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code in (0, None)
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[2] == texts[3]


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", "/srv", "--version"]) == 0
    assert capsys.readouterr().out == f"libpod version {VERSION}\n"


@pytest.mark.parametrize(
    ("words", "flag", "value"),
    [
        (["cp", "-a", "c:/x", "y"], "archive", True),
        (["cp", "c:/x", "y", "--archive"], "archive", True),
        (["cp", "--archive=false", "c:/x", "y"], "archive", False),
        (["commit", "-p", "c", "image"], "pause", True),
        (["commit", "c", "image"], "pause", False),
        (["pull", "--tls-verify", "quay.io/x"], "tls_verify", True),
        (["pull", "--tls-verify=0", "quay.io/x"], "tls_verify", False),
        (["pull", "quay.io/x"], "tls_verify", None),
        (["pod", "create", "--infra", "name"], "infra", True),
        (["history", "--human", "image"], "human", True),
        (["attach", "--sig-proxy=F", "c"], "sig_proxy", False),
        (["run", "--rm=true", "image"], "rm", True),
        (["run", "--rm", "--rm=false", "image"], "rm", False),
        (["run", "-i=false", "-t=1", "image"], "interactive", False),
        (["run", "-dit", "image"], "tty", True),
        (["commit", "-pq", "c", "image"], "pause", True),
        (["commit", "-pq", "c", "image"], "quiet", True),
        (["rm", "--force=true", "c"], "force", True),
        (["run", "image", "cmd", "--rm=x"], "command", ["cmd", "--rm=x"]),
        (["run", "--rm", "image", "--", "echo"], "command", ["--", "echo"]),
        (["run", "--rm", "--", "image", "echo", "--"], "command", ["echo", "--"]),
        (["run", "--", "image"], "image", "image"),
        (["run", "-h", "name", "image"], "hostname", "name"),
        (["ps", "--format", "{{json .}}"], "format", "json"),
        (["ps", "--format", "{{ json }}"], "format", "json"),
        (["ps", "--format", "{{json .Names}}"], "format", "{{json .Names}}"),
        (["exec", "c", "--", "echo"], "command", ["--", "echo"]),
        (["exec", "-it", "c", "sh", "--", "-x"], "command", ["sh", "--", "-x"]),
        (["run", "--sig-proxy", "image", "cmd", "--sig-proxy", "x"], "command", ["cmd", "--sig-proxy", "x"]),
    ],
)
def test_a_switch_takes_no_word_that_follows(words: list[str], flag: str, value: object) -> None:
    assert getattr(parser.make_parser(words[0]).parse_args(words), flag) == value


@pytest.mark.parametrize(
    "words", [["cp", "--archive=maybe", "a", "b"], ["history", "--human=", "image"], ["run", "--rm=no", "i"]]
)
def test_a_switch_is_true_or_false(words: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="is not true or false"):
        parser.make_parser(words[0]).parse_args(words)
