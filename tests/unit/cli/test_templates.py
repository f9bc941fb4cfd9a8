"""Templates of `--format`, with what Go prints for them."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.cli.templates import Template, listed
from libpod.errors import InvalidArgument

OBJECT: dict[str, Any] = {
    "Names": ["a", "b"],
    "Id": "x1",
    "State": {"Status": "running", "Pid": 3, "OOMKilled": False},
    "Config": {"Labels": {"k": "v", "a.b/c": "d"}, "Env": ["A=1"], "Cmd": None},
    "Mounts": [{"Source": "/a", "Destination": "/b"}],
    "Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": None},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Id}}", "x1"),
        ("{{.ID}}", "x1"),
        ("{{ .State.Status }} {{.State.OOMKilled}}", "running false"),
        ("{{.Names}}|{{.Config.Labels}}|{{.Mounts}}", "[a b]|map[a.b/c:d k:v]|[{/a /b}]"),
        ("{{json .State}}", '{"Status":"running","Pid":3,"OOMKilled":false}'),
        ("{{.Config.Labels.k}} {{.Config.Labels.none}} {{.Config.Cmd}}", "v <no value> <no value>"),
        ('{{index .Config.Labels "a.b/c"}} {{index .Names 1}}', "d b"),
        ('{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}", "/a:/b "),
        ("{{range $p, $h := .Ports}}{{$p}}={{(index $h 0).HostPort}} {{break}}{{end}}", None),
        ("{{range $i, $n := .Names}}{{$i}}{{$n}}{{end}}", "0a1b"),
        ("{{range $n := .Names}}{{$n}}{{$.Id}}{{end}}", "ax1bx1"),
        ("{{range .Config.Cmd}}x{{else}}none{{end}}", "none"),
        ('{{if eq .State.Status "running" "paused"}}up{{else}}down{{end}}', "up"),
        ("{{if .Config.Cmd}}1{{else if .Id}}2{{else}}3{{end}}", "2"),
        ("{{if and .Id (not .Config.Cmd)}}yes{{end}}", "yes"),
        ("{{with .State}}{{.Pid}}{{end}}", "3"),
        ('{{join .Names ","|upper}} {{len .Names}}', "A,B 2"),
        ('{{printf "%-4s|%03d|%q" .Id .State.Pid "s"}}', 'x1  |003|"s"'),
        ("{{$x := .Id}}{{$x}}{{$x}}", "x1x1"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("a\n{{- .Id -}}\n b", "ax1b"),
        (r"{{.Id}}\t{{.State.Pid}}\n", "x1\t3\n"),
        ("{{`raw`}} {{true}} {{1}}", "raw true 1"),
        ("{{gt .State.Pid 2}}", "true"),
    ],
)
def test_template(template: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(InvalidArgument):
            Template(template).render(OBJECT)
        return
    assert Template(template).render(OBJECT) == text


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{{.Nope}}", "there is no field .Nope"),
        ("{{.State.Nope}}", "there is no field .Nope"),
        ("{{.Id.More}}", "has no field .More"),
        ("{{", "is not closed"),
        ("{{.Id", "is not closed"),
        ("{{end}}", "end stands alone"),
        ("{{else}}", "else stands alone"),
        ("{{if .Id}}", "an end is missing"),
        ("{{}}", "a value is missing"),
        ("{{foo .Id}}", "there is no function foo"),
        ("{{.Id |}}", "a value is missing"),
        ("{{.Id .Id}}", "a function is missing"),
        ("{{(.Id}}", r"a \) is missing"),
        ("{{index .Names 9}}", "out of range"),
        ("{{!}}", "means nothing"),
        ("{{lt .Id 3}}", "cannot be used like this"),
        ("{{range .Id}}{{end}}", "no range"),
        ("{{$x}}", "is not set"),
        ("{{if .Id}}" * 200 + "{{end}}" * 200, "too many levels"),
    ],
)
def test_template_that_means_nothing(template: str, what: str) -> None:
    with pytest.raises(InvalidArgument, match=what):
        Template(template).render(OBJECT)


def test_lists_and_tables() -> None:
    rows = [OBJECT, {**OBJECT, "Id": "longer-than-the-column"}]
    assert listed("{{.Id}}", rows, {}) == "x1\nlonger-than-the-column"
    table = listed(r"table {{.ID}}\t{{.State.Status}}\t{{len .Names}}", rows, {"ID": "CONTAINER ID"})
    assert table.splitlines() == [
        "CONTAINER ID            STATE       NAMES",
        "x1                      running     2",
        "longer-than-the-column  running     2",
    ]
    assert listed(r"table {{.Id}}\t{{.Names}}", [], {}).split() == ["ID", "NAMES"]
    assert listed("table {{.Id}}", [OBJECT], {}, heading=False) == "x1"


def test_what_would_drive_the_terminal_is_escaped() -> None:
    assert listed("{{.Id}}", [{"Id": "a\x1b[2J"}], {}) == r"a\x1b[2J"


def test_times_are_printed_as_go_prints_them() -> None:
    """But not in JSON, nor in labels, which are texts."""
    row = {
        "Created": "2026-11-26T01:41:01.721310Z",
        "StartedAt": "0001-01-01T00:00:00Z",
        "CreatedAt": "2026-11-26T01:41:01+01:00",
        "FinishedAt": "a while ago",
        "Labels": {"made": "2026-11-26T01:41:01Z"},
    }
    assert listed("{{.Created}}", [row], {}) == "2026-11-26 01:41:01.72131 +0000 UTC"
    assert (
        listed("{{.CreatedAt}} {{.FinishedAt}}", [row], {}) == "2026-11-26 01:41:01 +0100 +0100 a while ago"
    )
    assert listed("{{.Created.Unix}} {{.StartedAt.IsZero}} {{.Created.IsZero}}", [row], {}) == (
        "1795657261 true false"
    )
    assert listed("{{json .Created}} {{.Labels.made}}", [row], {}) == (
        '"2026-11-26T01:41:01.721310Z" 2026-11-26T01:41:01Z'
    )
    with pytest.raises(InvalidArgument, match=r"a time has no field \.Nonsense"):
        listed("{{.Created.Nonsense}}", [row], {})


def test_spaces_of_a_table_are_between_columns() -> None:
    rows = [{"Id": "a", "Names": "some name"}, {"Id": "longer-than-the-column", "Names": "b"}]
    assert listed("table {{ .Id }} {{.Names}}", rows, {}).splitlines() == [
        "ID                      NAMES",
        "a                       some name",
        "longer-than-the-column  b",
    ]


def test_a_template_for_the_whole_list() -> None:
    rows = [{"Id": "a", "Names": ["x"]}, {"Id": "b", "Names": ["y"]}]
    assert listed("{{range .}}{{.Id}} {{end}}", rows, {}) == "a b "
    assert listed("{{range .Names}}{{.}}{{end}}", rows, {}) == "x\ny"
