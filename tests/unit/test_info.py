"""Information about this host and a store."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from libpod import info, state
from libpod.config.runtime import RuntimeConfig
from libpod.images import registries as registries_file
from tests.unit.state import samples

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def registries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is read for registries; its drop-ins are in the directory beside it."""
    path = tmp_path / "registries.conf"
    monkeypatch.delenv("CONTAINERS_REGISTRIES_CONF", raising=False)
    monkeypatch.delenv("REGISTRIES_CONFIG_PATH", raising=False)
    monkeypatch.setattr(registries_file, "SYSTEM_FILE", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return path


@pytest.fixture
def config(tmp_path: Path, registries: Path, monkeypatch: pytest.MonkeyPatch) -> RuntimeConfig:
    """The configuration of a store that is not there yet."""
    (tmp_path / "user").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("CONTAINERS_CONF", os.devnull)
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", os.devnull)
    directories = {"graph_root": "root", "run_root": "runroot", "tmp_dir": "tmp"}
    return RuntimeConfig.load(**{key: str(tmp_path / name) for key, name in directories.items()})


def found(config: RuntimeConfig) -> dict[str, Any]:
    """The data of each section, however busy the machine is."""
    sections = info.sections(config, patience=60, with_programs=False)
    return {str(section["type"]): section["data"] for section in sections}


def test_the_sections_and_their_order(config: RuntimeConfig) -> None:
    assert [section["type"] for section in info.sections(config, with_programs=False)] == [
        "host",
        "store",
        "registries",
        "insecure registries",
    ]
    json.dumps(info.sections(config, with_programs=False))


def test_host(config: RuntimeConfig) -> None:
    host = found(config)["host"]
    assert list(host)[:10] == [
        "os",
        "arch",
        "cpus",
        "MemTotal",
        "MemFree",
        "SwapTotal",
        "SwapFree",
        "kernel",
        "uptime",
        "hostname",
    ]
    assert host["os"] == "linux"
    assert host["MemTotal"] % 1024 == 0
    assert 0 < host["MemFree"] < host["MemTotal"]
    assert host["kernel"] == os.uname().release
    assert host["cpus"] == len(os.sched_getaffinity(0))


def test_what_cannot_be_read_is_said(
    config: RuntimeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: many kB\n")
    monkeypatch.setattr(info, "_MEMORY_FILE", str(tmp_path / "meminfo"))
    monkeypatch.setattr(info, "_VERSION_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(info, "_UPTIME_FILE", os.devnull)
    host = found(config)["host"]
    assert list(host)[:4] == ["os", "arch", "cpus", "hostname"]
    memory, version, uptime = host["unreadable"][:3]
    assert "many" in memory
    assert str(tmp_path / "none") in version
    assert os.devnull in uptime


def test_lines_that_are_missing_are_named(
    config: RuntimeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4 kB\nMemFree: 2 kB\n")
    monkeypatch.setattr(info, "_MEMORY_FILE", str(tmp_path / "meminfo"))
    reason = found(config)["host"]["unreadable"][0]
    assert "SwapTotal, SwapFree" in reason


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0.00", "0s"),
        ("4.50", "4.5s"),
        ("59.99", "59.99s"),
        ("60.00", "1m 0s"),
        ("802.25", "13m 22.25s"),
        ("3600.00", "1h 0m 0s (Approximately 0.04 days)"),
        ("93784.50", "26h 3m 4.5s (Approximately 1.08 days)"),
        ("8640000", "2400h 0m 0s (Approximately 100.00 days)"),
    ],
)
def test_uptime_in_the_form_of_go(seconds: str, text: str) -> None:
    assert info.uptime_text(seconds) == text


NOBODY = {"running": 0, "paused": 0, "stopped": 0}


def write_records(config: RuntimeConfig, kind: str, content: str) -> str:
    """Write a record file of the store and return its path."""
    path = os.path.join(config.graph_root, f"overlay-{kind}", f"{kind}.json")
    os.makedirs(os.path.dirname(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return path


def test_store(config: RuntimeConfig) -> None:
    write_records(config, "images", '[{"id": "a"}]')
    write_records(config, "containers", '[{"id": "a"}, {"id": "b"}]')
    store = found(config)["store"]
    assert store["GraphRoot"] == config.graph_root
    assert store["RunRoot"] == config.run_root
    assert store["GraphDriverName"] == "overlay"
    assert store["GraphOptions"] == []
    assert (store["ImageStore"], store["ContainerStore"]) == ({"number": 1}, {"number": 2, **NOBODY})


def test_a_store_that_is_not_there_holds_nothing(config: RuntimeConfig) -> None:
    store = found(config)["store"]
    assert (store["ImageStore"], store["ContainerStore"]) == ({"number": 0}, {"number": 0, **NOBODY})
    assert not os.path.exists(config.graph_root)


def test_a_damaged_record_file_is_named(config: RuntimeConfig) -> None:
    path = write_records(config, "images", "[{")
    write_records(config, "containers", "[]")
    store = found(config)["store"]
    assert "ImageStore" not in store
    assert store["ContainerStore"] == {"number": 0, **NOBODY}
    assert path in store["unreadable"][0]


def test_a_driver_that_is_not_known_is_said(tmp_path: Path, config: RuntimeConfig) -> None:
    other = RuntimeConfig.load(
        graph_root=config.graph_root, run_root=config.run_root, graph_driver_name="zfs"
    )
    store = found(other)["store"]
    assert any("zfs" in reason for reason in store["unreadable"])


def test_a_section_that_does_not_answer_keeps_nobody_waiting(
    config: RuntimeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def waits(section: info.Section) -> None:
        section.data["GraphRoot"] = "/srv"
        answer.wait()

    monkeypatch.setattr(info, "_store", waits)
    sections = info.sections(config, patience=0.05, with_programs=False)
    answer.set()
    assert sections[1]["data"] == {"GraphRoot": "/srv", "unreadable": ["the rest gave no answer in 0.05 s"]}
    assert isinstance(sections[2]["data"], dict)


def test_a_mistake_of_our_own_is_not_hidden(config: RuntimeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_section: info.Section) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(info, "_host", fails)
    with pytest.raises(ZeroDivisionError):
        info.sections(config, with_programs=False)


# What an operator looks for first.


def test_engine(config: RuntimeConfig) -> None:
    host = found(config)["host"]
    assert host["cgroupManager"] == "cgroupfs"
    assert host["cgroupVersion"] in ("v1", "v2")
    assert host["network"]["backend"] == "cni"
    assert host["network"]["pluginDirs"] == list(config.cni_plugin_dirs)
    assert host["database"] == {
        "backend": "boltdb", "path": f"{config.static_dir}/bolt_state.db", "size": 0
    }  # fmt: skip
    assert host["bootRefresh"]["decision"] == "none"
    assert host["security"]["rootless"] is config.rootless


def test_boot_refresh(config: RuntimeConfig) -> None:
    os.makedirs(config.tmp_dir)
    report = {
        "decision": "refresh",
        "reason": "a new boot",
        "boot_id": "b",
        "containers": {"quarantined": [{"id": "x"}]},
        "pods": {"quarantined": []},
    }
    with open(os.path.join(config.tmp_dir, "refresh.json"), "w", encoding="utf-8") as file:
        json.dump(report, file)
    assert found(config)["host"]["bootRefresh"] == {
        "decision": "refresh", "reason": "a new boot", "boot_id": "b", "quarantined": 1
    }  # fmt: skip
    with open(os.path.join(config.tmp_dir, "refresh.json"), "w", encoding="utf-8") as file:
        file.write("{")
    assert any("refresh.json" in reason for reason in found(config)["host"]["unreadable"])


def test_containers_by_state(config: RuntimeConfig) -> None:
    os.makedirs(config.static_dir)
    database = state.open(state.BOLTDB, f"{config.static_dir}/bolt_state.db")
    for number, status in enumerate((1, 3, 3, 5, 4, 6), 1):
        record = samples.container(number)
        record.status = status
        database.add_container(record)
    database.close()
    assert found(config)["store"]["ContainerStore"] == {
        "number": 0, "running": 2, "paused": 1, "stopped": 2, "created": 1
    }  # fmt: skip


def test_a_database_that_is_held_is_said(config: RuntimeConfig) -> None:
    os.makedirs(config.static_dir)
    path = f"{config.static_dir}/bolt_state.db"
    state.open(state.BOLTDB, path).close()
    with open(path, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        store = found(config)["store"]
    assert any(path in reason for reason in store["unreadable"])
    assert store["GraphRoot"] == config.graph_root


# Registries.


def names(config: RuntimeConfig) -> tuple[list[str], list[str]]:
    """Registries that are searched, and insecure ones."""
    sections = found(config)
    return sections["registries"]["registries"], sections["insecure registries"]["registries"]


@pytest.mark.parametrize(
    ("text", "search", "insecure"),
    [
        ("", [], []),
        (
            '[registries.search]\nregistries = ["a.io", "b.io"]\n'
            '[registries.insecure]\nregistries = ["c.io"]\n',
            ["a.io", "b.io"],
            ["c.io"],
        ),
        ('unqualified-search-registries = ["a.io"]\n', ["a.io"], []),
        (
            '[[registry]]\nlocation = "a.io"\ninsecure = true\n[[registry]]\nprefix = "b.io/x"\n'
            'location = "c.io"\ninsecure = true\n[[registry]]\nlocation = "d.io"\n',
            [],
            ["a.io", "b.io/x"],
        ),
    ],
)
def test_registries_of_both_versions(
    config: RuntimeConfig, registries: Path, text: str, search: list[str], insecure: list[str]
) -> None:
    registries.write_text(text)
    assert names(config) == (search, insecure)


def test_drop_ins_come_later(config: RuntimeConfig, registries: Path) -> None:
    registries.write_text(
        'unqualified-search-registries = ["a.io"]\n[[registry]]\nlocation = "b.io"\ninsecure = true\n'
    )
    directory = registries.with_name("registries.conf.d")
    directory.mkdir()
    (directory / "20.conf").write_text('unqualified-search-registries = ["c.io"]\n')
    (directory / "10.conf").write_text('[[registry]]\nlocation = "b.io"\n')
    (directory / "ignored.txt").write_text("not TOML")
    assert names(config) == (["c.io"], [])


@pytest.mark.parametrize("variable", ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"])
def test_the_environment_names_another_file(
    config: RuntimeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "other.conf").write_text('unqualified-search-registries = ["other.io"]\n')
    monkeypatch.setenv(variable, str(tmp_path / "other.conf"))
    assert names(config) == (["other.io"], [])


@pytest.mark.parametrize(
    "text",
    [
        "registries = ",
        "registries = 7\n",
        "[registries]\nsearch = 7\n",
        "[registries.search]\nregistries = 'a.io'\n",
        "unqualified-search-registries = [1]\n",
        "registry = [1]\n",
    ],
)
def test_a_wrong_file_is_named_in_both_sections(config: RuntimeConfig, registries: Path, text: str) -> None:
    registries.write_text(text)
    sections = found(config)
    for kind in ("registries", "insecure registries"):
        assert str(registries) in sections[kind]["unreadable"][0]
