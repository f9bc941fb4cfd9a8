"""Hook files of both versions, and when a hook matches; the cases are those of libpod's own hook tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import ConfigurationError, DecodeError, FileError
from libpod.hooks import hook
from libpod.hooks.hook import When

if TYPE_CHECKING:
    from pathlib import Path

CURRENT = {
    "version": "1.0.0",
    "hook": {"path": "/bin/true"},
    "when": {"always": True},
    "stages": ["prestart"],
}
OLD = {"hook": "/bin/true", "stages": ["prestart"]}


def parse(value: object) -> hook.Hook:
    return hook.parse(json.dumps(value).encode(), "x.json")


def test_version_1() -> None:
    found = parse(
        {
            "version": "1.0.0",
            "hook": {"path": "/a/b", "args": ["b", "c"], "env": ["X=y"], "timeout": 3},
            "when": {
                "always": False, "hasBindMounts": True, "annotations": {"^a$": "b"}, "commands": ["sh$"],
            },
            "stages": ["prestart", "poststop"],
        }
    )  # fmt: skip
    assert found.command == hook.Command(path="/a/b", arguments=["b", "c"], environment=["X=y"], timeout=3)
    assert found.command.as_object() == {"path": "/a/b", "args": ["b", "c"], "env": ["X=y"], "timeout": 3}
    assert found.stages == ["prestart", "poststop"]
    assert found.when == When(always=False, bind_mounts=True, annotations={"^a$": "b"}, commands=["sh$"])


@pytest.mark.parametrize("version", [{}, {"version": ""}, {"version": "0.1.0"}])
def test_version_0_1(version: dict[str, str]) -> None:
    found = parse(
        {
            **version, "hook": "/a/b", "arguments": ["c"], "stages": ["prestart", "poststop"],
            "cmds": ["sh"], "annotations": ["a", "b"], "hasbindmounts": True,
        }
    )  # fmt: skip
    assert found.command == hook.Command(path="/a/b", arguments=["/a/b", "c"])
    assert found.stages == ["prestart", "poststop"]
    assert found.when == When(bind_mounts=True, annotations={".*": "a|b"}, commands=["sh"], any=True)


@pytest.mark.parametrize(
    ("older", "name", "value"),
    [("stage", "stages", ["poststop"]), ("cmd", "cmds", ["a"]), ("annotation", "annotations", ["a"])],
)
def test_the_older_names_of_version_0_1(older: str, name: str, value: list[str]) -> None:
    with_name = parse({**OLD, name: value})
    without = {key: item for key, item in {**OLD, older: value}.items() if key != name}
    assert parse(without) == with_name
    with pytest.raises(DecodeError, match=f"both {name} and {older}"):
        parse({**OLD, name: value, older: value})


def test_the_case_of_keys_does_not_matter() -> None:
    assert parse({**OLD, "hasBindMounts": True}).when.bind_mounts is True
    assert parse({key.upper(): value for key, value in CURRENT.items()}) == parse(CURRENT)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("not JSON", "not valid JSON|invalid|JSON"),
        ([], "object"),
        ({**CURRENT, "version": "2.0.0"}, "unrecognized hook version '2.0.0'"),
        ({**CURRENT, "version": 1}, "version"),
        ({**CURRENT, "hook": {}}, r"hook\.path is missing"),
        ({**CURRENT, "hook": {"path": "/no/such/program"}}, r"hook\.path /no/such/program: no such file"),
        ({**CURRENT, "hook": {"path": "/bin/true", "timeout": "long"}}, "timeout"),
        ({**CURRENT, "stages": None}, "stages"),
        ({**CURRENT, "stages": ["postmortem"]}, "unknown stage 'postmortem'"),
        ({**CURRENT, "when": {"annotations": {"[": "x"}}}, "invalid pattern"),
        ({**CURRENT, "when": {"annotations": {"x": "("}}}, "invalid pattern"),
        ({**CURRENT, "when": {"commands": ["*"]}}, "invalid pattern"),
        ({**CURRENT, "when": {"always": "yes"}}, "always"),
        ({}, "the property hook is missing"),
        ({"hook": "/bin/true"}, "the property stages is missing"),
        ({**OLD, "arguments": "x"}, "arguments"),
    ],
)
def test_what_cannot_be_used_names_the_file(tmp_path: Path, value: object, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(ConfigurationError, match=message) as raised:
        hook.read(str(path))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("stage", hook.STAGES)
def test_every_stage_is_known(tmp_path: Path, stage: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**CURRENT, "stages": [stage]}))
    assert hook.read(str(tmp_path / "x.json")).stages == [stage]


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        hook.read(str(tmp_path / "x.json"))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, False),
        ({"always": True}, True),
        ({"always": False}, False),
        ({"always": True, "any": True}, True),
        ({"always": False, "any": True}, False),
        ({"bind_mounts": True}, True),
        ({"bind_mounts": True, "any": True}, True),
        ({"always": True, "bind_mounts": True}, True),
        ({"always": False, "bind_mounts": True}, False),
        ({"always": False, "bind_mounts": True, "any": True}, True),
        ({"annotations": {"^a$": "^b$"}}, True),
        ({"annotations": {"^a$": "^c$"}}, False),
        ({"annotations": {"^a$": "^b$", "^x$": "."}}, False),
        ({"annotations": {"^a$": "^b$", "^x$": "."}, "any": True}, True),
        ({"annotations": {"^c$": "d", "^a$": "b"}}, True),
        ({"commands": ["^/bin/sh$"]}, True),
        ({"commands": ["bash", "sh"]}, True),
        ({"commands": ["^sh"]}, False),
        ({"commands": ["bash"], "always": True}, False),
        ({"commands": ["sh"], "always": True}, True),
        ({"commands": ["sh"], "always": False}, False),
        ({"commands": ["bash"], "always": True, "any": True}, True),
        ({"commands": ["bash"], "annotations": {"x": "y"}, "any": True}, False),
        ({"commands": ["sh"], "annotations": {"x": "y"}, "any": True}, True),
    ],
)
def test_when_it_matches(when: dict[str, Any], *, expected: bool) -> None:
    annotations = {"a": "b", "c": "d"}
    assert When(**when).matches(["/bin/sh", "-c"], annotations, bind_mounts=True) is expected


@pytest.mark.parametrize(
    ("when", "expected"), [({"bind_mounts": True}, False), ({"bind_mounts": False}, False)]
)
def test_without_bind_mounts(when: dict[str, Any], *, expected: bool) -> None:
    assert When(**when).matches(["sh"], {}, bind_mounts=False) is expected


def test_a_command_without_words() -> None:
    with pytest.raises(DecodeError, match="at least one entry"):
        When(commands=["sh"]).matches([], {}, bind_mounts=False)
    assert When(always=True).matches([], {}, bind_mounts=False)
    assert not When(commands=["sh"]).matches(None, {}, bind_mounts=False)
