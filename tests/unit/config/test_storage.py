"""storage.conf and the variables that go with it. Outcomes are those of Podman 4.3.1 where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.config import storage
from libpod.errors import ConfigurationError, FileError

if TYPE_CHECKING:
    from tests.unit.config.conftest import Machine

FULL = """
[storage]
driver = "overlay"
graphroot = "/g"
runroot = "/r"
[storage.options]
additionalimagestores = ["/i1", "/i2"]
mountopt = "nodev"
size = "10G"
remap-uids = "0:100000:65536"
remap-gids = "0:200000:1000,1000:300000:10"
[storage.options.overlay]
mountopt = "nodev,metacopy=on"
skip_mount_home = "true"
"""


def test_every_value(machine: Machine) -> None:
    path = machine.write(machine.etc / "storage.conf", FULL)
    settings = machine.collect()
    expected = {
        "graph_root": "/g",
        "run_root": "/r",
        "static_dir": "/g/libpod",
        "volume_path": "/g/volumes",
        "graph_driver_name": "overlay",
        "graph_driver_options": (
            "overlay.imagestore=/i1",
            "overlay.imagestore=/i2",
            "overlay.mountopt=nodev,metacopy=on",
            "overlay.size=10G",
            "overlay.skip_mount_home=true",
        ),
        "uid_map": ((0, 100000, 65536),),
        "gid_map": ((0, 200000, 1000), (1000, 300000, 10)),
    }
    assert {key: settings.values[key] for key in expected} == expected
    assert settings.origin["graph_root"] == settings.origin["graph_driver_options"] == path
    assert not settings.user_set("graph_root")
    assert settings.files == [path]
    assert not settings.warnings


def root(machine: Machine) -> object:
    return machine.collect().values["graph_root"]


def test_which_file_counts(machine: Machine) -> None:
    machine.write(machine.share / "storage.conf", '[storage]\ndriver="vfs"\ngraphroot="/1"\n')
    assert root(machine) == "/1"
    machine.write(machine.etc / "storage.conf", '[storage]\ngraphroot="/2"\n')
    assert root(machine) == "/2"
    assert machine.collect().values["graph_driver_name"] == ""
    machine.write(machine.own / "storage.conf", '[storage]\ngraphroot="/3"\n')
    assert root(machine) == "/2"
    machine.environment["XDG_CONFIG_HOME"] = str(machine.home / ".config")
    assert root(machine) == "/3"
    machine.environment["CONTAINERS_STORAGE_CONF"] = machine.write(
        machine.root / "s.conf", '[storage]\ngraphroot="/4"\n'
    )
    assert root(machine) == "/4"


def test_what_a_user_takes_of_the_systems_file(machine: Machine) -> None:
    machine.become_user()
    machine.write(machine.etc / "storage.conf", FULL)
    values = machine.collect().values
    session = machine.environment["XDG_RUNTIME_DIR"]
    assert values["graph_root"] == f"{machine.home}/.local/share/containers/storage"
    assert values["run_root"] == f"{session}/containers"
    assert values["graph_driver_name"] == "overlay"
    assert "overlay.skip_mount_home=true" in values["graph_driver_options"]
    assert values["uid_map"] == ()


def test_place_and_driver_of_users_in_the_systems_file(machine: Machine) -> None:
    machine.become_user()
    machine.environment["_CONTAINERS_ROOTLESS_UID"] = "1234"
    machine.write(
        machine.etc / "storage.conf", '[storage]\ndriver="zfs"\nrootless_storage_path="/users/$UID/$HOME/s"\n'
    )
    values = machine.collect().values
    assert values["graph_root"] == f"/users/1234{machine.home}/s"
    assert values["graph_driver_name"] == ""


@pytest.mark.parametrize("named", [False, True])
def test_a_users_own_file_counts_whole(machine: Machine, named: bool) -> None:
    machine.become_user()
    machine.write(machine.etc / "storage.conf", '[storage]\nrootless_storage_path="/users"\n')
    path = machine.write(machine.root / "s.conf" if named else machine.own / "storage.conf", FULL)
    if named:
        machine.environment["CONTAINERS_STORAGE_CONF"] = path
    values = machine.collect().values
    assert (values["graph_root"], values["run_root"], values["uid_map"]) == (
        "/g",
        "/r",
        ((0, 100000, 65536),),
    )
    machine.write(machine.root / path, '[storage]\nrootless_storage_path="/mine"\n')
    assert root(machine) == "/mine"


# ---------------------------------------------------------------- environment and options


def test_driver_from_the_environment(machine: Machine) -> None:
    machine.write(machine.etc / "storage.conf", FULL)
    machine.environment["STORAGE_DRIVER"] = "vfs"
    settings = machine.collect()
    assert (settings.values["graph_driver_name"], settings.origin["graph_driver_name"]) == (
        "vfs",
        "environment",
    )
    assert settings.values["graph_driver_options"] == ("vfs.imagestore=/i1", "vfs.imagestore=/i2")


@pytest.mark.parametrize("where", ["file", "environment"])
def test_overlay2_is_overlay(machine: Machine, where: str) -> None:
    if where == "file":
        machine.write(machine.etc / "storage.conf", '[storage]\ndriver="overlay2"\n')
    else:
        machine.environment["STORAGE_DRIVER"] = "overlay2"
    settings = machine.collect()
    assert settings.values["graph_driver_name"] == "overlay"
    assert len(settings.warnings) == 1
    assert "overlay2 is another name for overlay" in settings.warnings[0]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("overlay.a=1,overlay.b=2", ("overlay.a=1", "overlay.b=2")), ("", ()), (",", ())],
)
def test_driver_options_from_the_environment_replace_all(
    machine: Machine, variable: str, expected: tuple[str, ...]
) -> None:
    machine.write(machine.etc / "storage.conf", FULL)
    machine.environment["STORAGE_OPTS"] = variable
    assert machine.collect().values["graph_driver_options"] == expected


def test_driver_options_from_the_environment_of_a_user_are_added(machine: Machine) -> None:
    machine.become_user()
    machine.write(
        machine.own / "storage.conf", '[storage]\ndriver="vfs"\n[storage.options]\nignore_chown_errors="1"\n'
    )
    machine.environment["STORAGE_OPTS"] = "vfs.x=2"
    assert machine.collect().values["graph_driver_options"] == ("vfs.ignore_chown_errors=1", "vfs.x=2")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"graph_root": "/other"}, ()),
        ({"graph_driver_name": "overlay"}, ()),
        ({"graph_driver_options": ["overlay.x=1"]}, ("overlay.x=1",)),
        ({"graph_driver_options": [""]}, ()),
        ({"graph_driver_options": ""}, ()),
        ({"graph_root": "/other", "graph_driver_options": ["overlay.x=1"]}, ("overlay.x=1",)),
    ],
)
def test_options_for_root_or_driver_drop_the_options_of_the_file(
    machine: Machine, overrides: dict[str, object], expected: tuple[str, ...]
) -> None:
    machine.write(machine.etc / "storage.conf", FULL)
    machine.environment["STORAGE_OPTS"] = "overlay.y=1"
    settings = machine.collect(None, **overrides)
    assert settings.values["graph_driver_options"] == expected
    assert settings.values["run_root"] == "/r"


# ---------------------------------------------------------------- paths and maps


def test_links_in_paths_are_resolved(machine: Machine) -> None:
    (machine.root / "real").mkdir()
    (machine.root / "link").symlink_to("real")
    machine.write(machine.etc / "storage.conf", f'[storage]\ngraphroot="{machine.root}/link/storage/"\n')
    assert root(machine) == f"{machine.root}/real/storage"


def test_home_without_a_variable(machine: Machine) -> None:
    del machine.environment["HOME"]
    machine.write(machine.etc / "storage.conf", '[storage]\ngraphroot="$HOME/storage"\n')
    assert str(root(machine)).endswith("/storage")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('graphroot="/a/$NO_SUCH/b"', "graphroot holds $NO_SUCH, which is not set in the environment"),
        ('graphroot="storage"', "graphroot must be an absolute path, not storage"),
        ("graphroot=3", "graphroot must be a string, not a whole number"),
        ('driver=["overlay"]', "driver must be a string, not a list of a string"),
        ("options=1", "[storage.options] must be a table, not a whole number"),
        ("[storage.options]\nadditionalimagestores='/x'", "additionalimagestores must be a list of strings"),
        (
            "driver='overlay'\n[storage.options.overlay]\nmountopt=true",
            "mountopt must be a string, not true or false",
        ),
        ("driver='overlay'\n[storage.options]\noverlay=1", "[storage.options.overlay] must be a table"),
        ("[storage.options]\nremap-uids='0:1'", 'remap-uids must be "container ID:host ID:size", not 0:1'),
        (
            "[storage.options]\nremap-gids='0:1:x'",
            'remap-gids must be "container ID:host ID:size", not 0:1:x',
        ),
        ("driver=", "line 2, column 8"),
    ],
)
def test_bad_files_are_named(machine: Machine, text: str, problem: str) -> None:
    path = machine.write(machine.etc / "storage.conf", f"[storage]\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        machine.collect()
    assert caught.value.path == path
    assert path in caught.value.message
    assert problem in caught.value.message


def test_the_table_itself_must_be_one(machine: Machine) -> None:
    machine.write(machine.etc / "storage.conf", "storage = 1\n")
    with pytest.raises(ConfigurationError, match=r"\[storage\] must be a table"):
        machine.collect()


def test_unknown_keys_are_ignored_with_a_warning(machine: Machine) -> None:
    text = """
        [storage]
        dirver = "x"
        transient_store = false
        [storage.options]
        foo = "1"
        [storage.options.pull_options]
        any = "1"
        [storage.options.overlay]
        bar = "1"
        [storage.options.odd]
        """
    path = machine.write(machine.etc / "storage.conf", text)
    assert machine.collect().warnings == [
        f"{path}: [storage] dirver is not known, ignored",
        f"{path}: [storage] options.foo is not known, ignored",
        f"{path}: [storage] options.overlay.bar is not known, ignored",
        f"{path}: [storage] options.odd is not known, ignored",
    ]


def test_ids_that_are_chosen(machine: Machine) -> None:
    text = "root-auto-userns-user='ann'\nauto-userns-min-size=10\nauto-userns-max-size=20\n"
    machine.write(machine.etc / "storage.conf", f"[storage.options]\n{text}")
    values = machine.collect().values
    names = ("auto_userns_user", "auto_userns_min_size", "auto_userns_max_size")
    assert [values[name] for name in names] == ["ann", 10, 20]
    for bad in ("'10'", "-1", "true"):
        machine.write(machine.etc / "storage.conf", f"[storage.options]\nauto-userns-min-size={bad}\n")
        with pytest.raises(ConfigurationError, match="auto-userns-min-size must be a whole number"):
            machine.collect()


def test_maps_from_subordinate_ids(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    users = machine.write(machine.root / "subuid", "# a\nbob:1:2\nimages:100000:1000\nimages:300000:10\n")
    groups = machine.write(machine.root / "subgid", "images:500000:1000\n")
    monkeypatch.setattr(storage, "SUBORDINATE_IDS", {"uid": users, "gid": groups})
    machine.write(machine.etc / "storage.conf", "[storage.options]\nremap-user='images'\n")
    values = machine.collect().values
    assert values["uid_map"] == ((0, 100000, 1000), (1000, 300000, 10))
    assert values["gid_map"] == ((0, 500000, 1000),)
    machine.write(machine.etc / "storage.conf", "[storage.options]\nremap-user='alice'\n")
    with pytest.raises(ConfigurationError, match="remap-user names alice, who has no range in") as caught:
        machine.collect()
    assert caught.value.hint


@pytest.mark.parametrize("line", ["images:x:1", "images:1", "images"])
def test_bad_subordinate_ids(machine: Machine, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    path = machine.write(machine.root / "subuid", f"{line}\n")
    monkeypatch.setattr(storage, "SUBORDINATE_IDS", {"uid": path, "gid": path})
    machine.write(machine.etc / "storage.conf", "[storage.options]\nremap-user='images'\n")
    with pytest.raises(ConfigurationError, match="subuid"):
        machine.collect()


def test_missing_subordinate_ids(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = f"{machine.root}/none"
    monkeypatch.setattr(storage, "SUBORDINATE_IDS", {"uid": missing, "gid": missing})
    machine.write(machine.etc / "storage.conf", "[storage.options]\nremap-user='images'\n")
    with pytest.raises(FileError, match="none"):
        machine.collect()
