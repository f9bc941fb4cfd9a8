"""RuntimeConfig: options of the first libpod, what the database remembers, programs."""

from __future__ import annotations

import dataclasses
import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from libpod.config import schema
from libpod.config.runtime import RuntimeConfig, StateType
from libpod.errors import ConfigurationError, InvalidArgument

if TYPE_CHECKING:
    from tests.unit.config.conftest import Machine

OPTIONS: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "WithStorageConfig": (
        {
            "storage_config": {
                "graph_root": "/g",
                "run_root": "/r",
                "graph_driver_name": "vfs",
                "graph_driver_options": ["vfs.ignore_chown_errors=true"],
                "uid_map": [(0, 100000, 65536)],
                "gid_map": [(0, 200000, 65536)],
            }
        },
        {
            "graph_root": "/g",
            "run_root": "/r",
            "graph_driver_name": "vfs",
            "graph_driver_options": ("vfs.ignore_chown_errors=true",),
            "uid_map": ((0, 100000, 65536),),
            "gid_map": ((0, 200000, 65536),),
            "static_dir": "/g/libpod",
            "volume_path": "/g/volumes",
        },
    ),
    "WithDefaultTransport": ({"default_transport": "oci:"}, {"image_default_transport": "oci:"}),
    "WithSignaturePolicy": ({"signature_policy": "/p.json"}, {"signature_policy_path": "/p.json"}),
    "WithStateType": ({"state_type": StateType.IN_MEMORY}, {"state_type": StateType.IN_MEMORY}),
    "WithOCIRuntime": ({"oci_runtime": "/x/runc"}, {"runtime": "/x/runc"}),
    "WithConmonPath": ({"conmon_path": "/x/conmon"}, {"conmon_path": ("/x/conmon",)}),
    "WithConmonEnv": ({"conmon_env": ["A=b"]}, {"conmon_env_vars": ("A=b",)}),
    "WithCgroupManager": ({"cgroup_manager": "systemd"}, {"cgroup_manager": "systemd"}),
    "WithStaticDir": ({"static_dir": "/s"}, {"static_dir": "/s"}),
    "WithTmpDir": ({"tmp_dir": "/t"}, {"tmp_dir": "/t"}),
    "WithHooksDir": (
        {"hooks_dir": "/h", "hooks_dir_not_exist_fatal": True},
        {"hooks_dir": ("/h",), "hooks_dir_not_exist_fatal": True},
    ),
    "WithDefaultMountsFile": ({"default_mounts_file": "/m"}, {"default_mounts_file": "/m"}),
    "WithMaxLogSize": ({"max_log_size": 4096}, {"max_log_size": 4096}),
    "WithNoPivotRoot": ({"no_pivot_root": True}, {"no_pivot_root": True}),
    "WithNoPivotRoot(False)": ({"no_pivot_root": False}, {"no_pivot_root": False}),
    "WithCNIConfigDir": ({"cni_config_dir": "/n"}, {"cni_config_dirs": ("/n",), "cni_config_dir": "/n"}),
    "WithCNIPluginDir": ({"cni_plugin_dir": "/p"}, {"cni_plugin_dirs": ("/p",), "cni_plugin_dir": ("/p",)}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_the_first_libpod(machine: Machine, name: str) -> None:
    machine.write(machine.etc / "libpod.conf", "no_pivot_root = true\nmax_log_size = 1\n")
    keywords, expected = OPTIONS[name]
    config = machine.load(None, **keywords)
    assert {key: getattr(config, key) for key in expected} == expected
    assert all(config.user_set(key) for key in expected if key in config.origin)


def test_the_table_names_every_option() -> None:
    table = inspect.getdoc(RuntimeConfig.load)
    assert table is not None
    for name, (keywords, _) in OPTIONS.items():
        assert name.removesuffix("(False)") in table
        assert all(f"`{keyword}`" in table for keyword in keywords)
    assert all(f"`{alias}`" in table for alias in schema.OPTIONS)
    assert all(f"`{key}`" in table for key in schema.STORAGE)


@pytest.mark.parametrize(
    "keywords",
    [
        {"state_type": 0},
        {"state_type": "invalid"},
        {"oci_runtime": ""},
        {"conmon_path": ""},
        {"cgroup_manager": "cgroups"},
        {"hooks_dir": ""},
        {"default_mounts_file": ""},
        {"no_pivot_root": "yes"},
        {"storage_config": {"graph_root": 1}},
        {"database_backend": "mysql"},
    ],
)
def test_options_that_are_refused(machine: Machine, keywords: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        machine.load(None, **keywords)
    assert not isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize("value", ["sqlite", StateType.SQLITE])
def test_state_type_by_member_or_value(machine: Machine, value: object) -> None:
    config = machine.load(state_type=value)
    assert config.state_type is StateType.SQLITE
    assert config.database_kind == "sqlite"


def test_state_type_of_a_new_store(machine: Machine) -> None:
    assert machine.load().state_type is StateType.BOLTDB
    assert machine.load().database_kind == ""
    assert machine.load(database_backend="sqlite").state_type is StateType.SQLITE


def test_a_configuration_cannot_be_changed(machine: Machine) -> None:
    config = machine.load()
    with pytest.raises(AttributeError):
        config.tmp_dir = "/x"  # type: ignore[misc]


def test_from_file(machine: Machine) -> None:
    path = machine.write(machine.root / "my.conf", 'tmp_dir = "/t"\n')
    config = RuntimeConfig.from_file(path, cgroup_manager="cgroupfs", graph_root="/g", run_root="/r")
    assert (config.tmp_dir, config.static_dir, config.runtime_path) == ("/t", "/g/libpod", ())
    assert config.files[0] == path
    config.require_complete()


@pytest.mark.parametrize("key", ["static_dir", "tmp_dir", "cgroup_manager"])
def test_what_a_runtime_cannot_do_without(machine: Machine, key: str) -> None:
    values = {"static_dir": "/s", "tmp_dir": "/t", "cgroup_manager": "cgroupfs"}
    lines = [f'{name} = "{value}"' for name, value in values.items() if name != key]
    config = machine.load(machine.write(machine.root / "my.conf", "\n".join(lines)))
    with pytest.raises(InvalidArgument, match=f"{key} is not set") as caught:
        config.require_complete()
    assert caught.value.hint


def test_load_reads_the_environment_of_the_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CONTAINERS_CONF", machine.write(machine.root / "my.conf", "[engine]\nnum_locks = 7\n")
    )
    monkeypatch.setenv("HOME", str(machine.home))
    config = RuntimeConfig.load(tmp_dir="/t", run_root="/r")
    assert config.num_locks == 7
    assert config.tmp_dir == "/t"


def test_as_dict(machine: Machine) -> None:
    found = machine.load().as_dict()
    assert found["state_type"] == "boltdb"
    assert set(found) == {*schema.SETTINGS, "rootless", "uid"}


# ---------------------------------------------------------------- what the database remembers


def stored(**values: str) -> SimpleNamespace:
    names = ("os", "static_dir", "tmp_dir", "run_root", "graph_root", "graph_driver", "volume_path")
    return SimpleNamespace(**{**dict.fromkeys(names, ""), **values})


PODMAN = {
    "static_dir": "/old/libpod",
    "tmp_dir": "/run/libpod",
    "run_root": "/run/old",
    "graph_root": "/old",
    "graph_driver": "vfs",
    "volume_path": "/old/volumes",
}


def test_the_database_decides_what_was_not_asked_for(machine: Machine) -> None:
    config = machine.load().adopt(stored(**PODMAN))
    found = {**PODMAN, "graph_driver_name": PODMAN["graph_driver"]}
    del found["graph_driver"]
    assert {key: getattr(config, key) for key in found} == found
    assert {config.origin[key] for key in found} == {"database"}
    assert not config.warnings


def test_options_stand_against_the_database(machine: Machine) -> None:
    config = machine.load(tmp_dir="/t", graph_root="/g", graph_driver_name="overlay").adopt(stored(**PODMAN))
    assert (config.tmp_dir, config.graph_root, config.graph_driver_name) == ("/t", "/g", "overlay")
    assert (config.static_dir, config.volume_path) == ("/g/libpod", "/g/volumes")
    assert config.run_root == "/run/old"


def test_files_and_environment_do_not(machine: Machine) -> None:
    path = machine.write(machine.etc / "libpod.conf", 'tmp_dir = "/t"\nvolume_path = "/old/./volumes"\n')
    machine.environment["STORAGE_DRIVER"] = "overlay"
    config = machine.load().adopt(stored(**PODMAN))
    assert (config.tmp_dir, config.graph_driver_name) == ("/run/libpod", "vfs")
    assert sorted(config.warnings) == [
        f"{path}: tmp_dir /t is not used, the database was made with /run/libpod",
        "environment: graph_driver_name overlay is not used, the database was made with vfs",
    ]


def test_paths_are_compared_by_what_they_mean(machine: Machine) -> None:
    (machine.root / "real").mkdir()
    (machine.root / "link").symlink_to("real")
    machine.write(machine.etc / "libpod.conf", f'tmp_dir = "{machine.root}/link/libpod"\n')
    config = machine.load().adopt(stored(tmp_dir=f"{machine.root}/real/libpod"))
    assert config.tmp_dir == f"{machine.root}/real/libpod"
    assert not config.warnings


def test_empty_values_of_the_database_are_unknown(machine: Machine) -> None:
    config = machine.load()
    assert config.adopt(stored()) == config


# ---------------------------------------------------------------- programs

RUNC = ("/usr/bin/runc", "/usr/sbin/runc", "/sbin/runc", "/bin/runc", "/usr/lib/cri-o-runc/sbin/runc")
TABLE = '[engine.runtimes]\nfoo = ["/x/foo", "/y/foo"]\n'


@pytest.mark.parametrize(
    ("containers", "libpod", "overrides", "expected"),
    [
        ("", "", {}, RUNC),
        ("", 'runtime_path = ["/x"]', {}, ("/x",)),
        ('[engine]\nruntime = "foo"\n' + TABLE, "", {}, ("/x/foo", "/y/foo")),
        ('[engine]\nruntime = "/z/foo"\n' + TABLE, "", {}, ("/z/foo",)),
        ('[engine]\nruntime = "runc"\n', "", {}, RUNC),
        ('[engine]\nruntime = "foo"\n' + TABLE, 'runtime_path = ["/x"]', {}, ("/x",)),
        (TABLE, "", {"runtime": "foo"}, ("/x/foo", "/y/foo")),
        (TABLE, 'runtime_path = ["/x"]', {"runtime": "foo"}, ("/x/foo", "/y/foo")),
        (TABLE, 'runtime_path = ["/x"]', {"oci_runtime": "/z/runc"}, ("/z/runc",)),
        ("", 'runtime = "crun"', {"runtime_path": "/x"}, ("/x",)),
        ("", 'runtime = "crun"\n[runtimes]\ncrun = ["/x/crun"]', {}, ("/x/crun", *RUNC)),
        ("", 'runtime = "crun"\n[runtimes]\ncrun = ["/x/crun"]', {"runtime": "crun"}, ("/x/crun",)),
    ],
)
def test_where_the_runtime_may_be(
    machine: Machine, containers: str, libpod: str, overrides: dict[str, Any], expected: tuple[str, ...]
) -> None:
    machine.write(machine.etc / "containers.conf", containers)
    machine.write(machine.etc / "libpod.conf", libpod)
    assert machine.load(None, **overrides).runtime_candidates() == expected


def test_a_name_without_a_table(machine: Machine) -> None:
    candidates = machine.load(runtime="kata").runtime_candidates()
    assert candidates[:2] == ("/usr/bin/kata", "/usr/sbin/kata")
    with pytest.raises(InvalidArgument, match="/usr/local/bin/kata") as caught:
        machine.load(runtime="kata").find_runtime()
    assert "package kata" in str(caught.value.hint)


def test_programs_are_found(machine: Machine) -> None:
    machine.write(machine.root / "conmon", "")
    (machine.root / "conmon").chmod(0o755)
    path = f"{machine.root}/conmon"
    config = machine.load(conmon_path=["/nowhere", path], oci_runtime=path)
    assert (config.find_conmon(), config.find_runtime()) == (path, path)


def test_programs_that_are_missing(machine: Machine) -> None:
    config = machine.load(conmon_path="/nowhere/conmon", oci_runtime="/nowhere/runc")
    with pytest.raises(InvalidArgument, match="no conmon found: tried /nowhere/conmon"):
        config.find_conmon()
    with pytest.raises(InvalidArgument, match="no OCI runtime found: tried /nowhere/runc"):
        config.find_runtime()


def test_it_is_a_frozen_dataclass_to_whoever_asks(machine: Machine) -> None:
    config: Any = machine.load()
    asked: bool = dataclasses.is_dataclass(config)
    assert asked
    names = [field.name for field in dataclasses.fields(config)]
    assert names == list(RuntimeConfig.__annotations__)
    assert {"tmp_dir", "runtime_path", "cgroup_manager"} < set(names)
    other: Any = dataclasses.replace(config, tmp_dir="/elsewhere")
    assert type(other).__name__ == "RuntimeConfig"
    assert (other.tmp_dir, other.static_dir) == ("/elsewhere", config.static_dir)
    assert dataclasses.asdict(other)["tmp_dir"] == "/elsewhere"
    for name in ("tmp_dir", "anything"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(config, name, "/elsewhere")
