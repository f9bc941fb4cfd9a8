"""The verbs that show what is in a store, on a store of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod import info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Place

WEB, DB, POD = "aa" * 32, "ab" * 32, "cc" * 32


def test_only_running_containers_are_shown(filled: Place) -> None:
    found = filled.run("ps")
    assert found.status == 0
    assert found.stdout.splitlines()[1:] == []
    assert filled.run("ps", "-q").stdout == ""


def test_all_containers(filled: Place) -> None:
    lines = filled.run("ps", "-a").stdout.splitlines()
    assert lines[0].startswith("CONTAINER ID  IMAGE")
    assert [line.split()[-1] for line in lines[1:]] == ["db", "web"]
    assert filled.run("ps", "-aq").stdout.split() == [DB[:12], WEB[:12]]
    assert filled.run("ps", "-aq", "--no-trunc").stdout.split() == [DB, WEB]
    rows = filled.run("ps", "-a", "--format", "json").json()
    assert [(row["Id"], row["Names"], row["State"], row["Pod"]) for row in rows] == [
        (DB, ["db"], "created", POD),
        (WEB, ["web"], "created", ""),
    ]


def test_pods(filled: Place) -> None:
    assert filled.run("pod", "ps").stdout.splitlines()[1].split()[:3] == [POD[:12], "group", "Created"]
    assert filled.run("pod", "ps", "-q").stdout == POD + "\n"
    (row,) = filled.run("pod", "ps", "--format=json").json()
    assert row["Containers"] == [{"Id": DB, "Names": "db", "Status": "created"}]


def test_a_broken_container_is_shown_with_its_reason(filled: Place, damage: Callable[[str], None]) -> None:
    damage(WEB)
    found = filled.run("ps", "-a")
    assert found.status == 0
    assert found.stdout.splitlines()[-1].split() == [WEB[:12], "Broken", "web"]
    assert found.stderr.startswith(f"Warning: web ({WEB[:12]}): ")
    assert "JSON" in found.stderr
    (row,) = [row for row in filled.run("ps", "-a", "--format=json").json() if row["Id"] == WEB]
    assert row["State"] == "broken"
    assert "JSON" in row["Error"]
    assert filled.run("ps").stderr == "Warning: 1 broken container not shown; see 'libpod ps -a'\n"
    assert filled.run("ps", "-aq").stderr == ""


def test_a_quarantined_container_is_shown_with_its_reason(filled: Place) -> None:
    report = filled.tmp_dir / "refresh.json"
    entry = {"id": WEB, "name": "web", "error": "no room"}
    report.write_text(json.dumps({"containers": {"quarantined": [entry]}}))
    found = filled.run("ps", "-a")
    assert found.stderr == f"Warning: web ({WEB[:12]}): no room\n"
    assert "Created" in found.stdout
    assert filled.run("pod", "ps").stderr == ""


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"containers": []}', '{"containers": {"quarantined": [7]}}']
)
def test_a_damaged_report_hides_nothing(filled: Place, content: str) -> None:
    (filled.tmp_dir / "refresh.json").write_text(content)
    assert len(filled.run("ps", "-aq").stdout.split()) == 2


# inspect


def named(found: list[dict[str, Any]]) -> list[str]:
    """The names of what was inspected."""
    return [item["Name"] for item in found]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["web"], ["web"]),
        ([WEB], ["web"]),
        (["aa"], ["web"]),
        (["db", "web"], ["db", "web"]),
        (["group", "data", "web"], ["group", "data", "web"]),
        ([POD[:10]], ["group"]),
    ],
)
def test_inspect_by_name_id_and_beginning(filled: Place, names: list[str], expected: list[str]) -> None:
    found = filled.run("inspect", *names)
    assert (found.status, found.stderr) == (0, "")
    assert named(found.json()) == expected


@pytest.mark.parametrize(
    ("names", "expected", "error"),
    [
        (["nosuch"], [], "Error: no such object: nosuch\n"),
        (["web", "nosuch", "db", "never"], ["web", "db"], "Error: no such object: nosuch\n"),
        (["a"], [], "Error: a is the beginning of 2 IDs\nhint: give more of the ID\n"),
        ([""], [], "Error: name or ID cannot be empty\n"),
        # A volume has no ID of which a beginning could be given.
        (["dat"], [], "Error: no such object: dat\n"),
    ],
)
def test_what_is_found_is_printed_before_the_error(
    filled: Place, names: list[str], expected: list[str], error: str
) -> None:
    found = filled.run("inspect", *names)
    assert (found.status, found.stderr) == (125, error)
    assert named(found.json()) == expected


def test_inspect_in_an_empty_store(place: Place) -> None:
    assert place.run("refresh").status == 0
    found = place.run("inspect", "web")
    assert (found.status, found.json(), found.stderr) == (125, [], "Error: no such object: web\n")


def test_inspect_a_pod(filled: Place) -> None:
    found = filled.run("pod", "inspect", "group")
    assert (found.status, found.json()["Id"]) == (0, POD)
    missing = filled.run("pod", "inspect", "web")
    assert (missing.status, missing.stdout, missing.stderr) == (125, "", "Error: no such pod: web\n")


def test_inspect_a_broken_container(filled: Place, damage: Callable[[str], None]) -> None:
    damage(WEB)
    (found,) = filled.run("inspect", "web").json()
    assert (found["Id"], found["Name"], found["State"]["Status"]) == (WEB, "web", "broken")


def test_the_specification_of_the_last_start(filled: Place) -> None:
    config = filled.root / "config.json"
    config.write_text('{"process": {"args": ["true", "now"]}}')
    database = filled.open()
    record = database.container(WEB)
    record.state["configPath"] = str(config)
    database.save_container(record)
    database.close()
    (found,) = filled.run("inspect", "web").json()
    assert (found["Path"], found["Args"]) == ("true", ["now"])
    config.write_text("{")
    damaged = filled.run("inspect", "web")
    assert damaged.stderr.startswith(f"Warning: {config}: ")
    assert damaged.json()[0]["Args"] == ["5"]
    config.unlink()
    assert filled.run("inspect", "web").stderr == ""


def test_a_record_of_wrong_types_is_described_as_broken(filled: Place) -> None:
    database = filled.open()
    record = database.container(WEB)
    record.state["newExecSessions"] = {}
    record.set_config("entrypoint", 7)
    database.rewrite_container_config(record)
    database.close()
    (found,) = filled.run("inspect", "web").json()
    assert found["State"]["Status"] == "broken"
    assert "entrypoint" in found["State"]["Error"]


# info


@pytest.fixture(autouse=True)
def _programs_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit test starts the OCI runtime or conmon to ask for its version."""
    monkeypatch.setattr(info, "_programs", info._program_paths)


def test_info_as_text_and_as_json(filled: Place) -> None:
    found = filled.run("info", "--format", "json")
    assert found.status == 0
    assert [section["type"] for section in found.json()] == [
        "host",
        "store",
        "registries",
        "insecure registries",
    ]
    assert found.json()[1]["data"]["GraphRoot"] == str(filled.root)
    assert f"  GraphRoot: {filled.root}\n" in filled.run("info").stdout


def test_info_without_a_store(place: Place) -> None:
    found = place.run("info")
    assert (found.status, found.stderr) == (0, "")
    assert not place.root.exists()


def test_info_says_what_is_wrong_with_the_database(filled: Place) -> None:
    filled.database.write_bytes(b"garbage" * 2000)
    found = filled.run("info")
    assert found.status == 0
    assert found.stderr.startswith("Warning: ")
    assert str(filled.database) in found.stderr


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("pod", "ps", "--format", "{{.ID}} {{.Name}} {{.NumberOfContainers}}"), f"{POD[:12]} group 1\n"),
        (
            ("pod", "ps", "--noheading", "--format", "table {{.Name}}\t{{.ContainerNames}}"),
            "group       db\n",
        ),
        (("pod", "inspect", "-f", "{{.Name}} {{range .Containers}}{{.Name}}{{end}}", "group"), "group db\n"),
        (("volume", "ls", "--format", "{{.Name}} {{.Driver}} {{.Mountpoint}}"), "data local /srv/data\n"),
        (("volume", "inspect", "--format", "{{.Mountpoint}}", "data"), "/srv/data\n"),
        (("info", "-f", "{{.Store.GraphDriverName}}"), "overlay\n"),
    ],
)
def test_templates(filled: Place, arguments: tuple[str, ...], printed: str) -> None:
    found = filled.run(*arguments)
    assert (found.status, found.stdout, found.stderr) == (0, printed, "")


def test_templates_of_networks(filled: Place, tmp_path: Path) -> None:
    config = tmp_path / "containers.conf"
    config.write_text(f'{config.read_text()}[network]\nnetwork_config_dir = "{tmp_path}/net.d"\n')
    assert filled.run("network", "ls", "--format", "{{.Name}} {{.Driver}}").stdout == "podman bridge\n"
    shown = filled.run("network", "inspect", "-f", "{{.NetworkInterface}} {{.Labels}}", "podman")
    assert shown.stdout == "cni-podman0 <no value>\n"


@pytest.mark.parametrize("arguments", [("pod", "ps"), ("pod", "inspect", "group"), ("volume", "ls")])
def test_a_field_that_is_none(filled: Place, arguments: tuple[str, ...]) -> None:
    found = filled.run(*arguments, "--format", "{{.Nonsense}}")
    assert (found.status, found.stdout) == (125, "")
    assert "there is no field .Nonsense" in found.stderr
    assert "hint: fields: " in found.stderr
