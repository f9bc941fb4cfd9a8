"""Where settings come from: which files count, which one wins, and what bad ones say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from libpod.config import sources
from libpod.config.account import Account
from libpod.errors import ConfigurationError, InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.config.conftest import Machine

ENVIRONMENT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_built_in_values_for_root(machine: Machine) -> None:
    settings = machine.collect()
    assert settings.values == {
        "image_default_transport": "docker://",
        "signature_policy_path": "",
        "state_type": "boltdb",
        "database_backend": "",
        "runtime": "",
        "runtime_path": (
            "/usr/bin/runc",
            "/usr/sbin/runc",
            "/sbin/runc",
            "/bin/runc",
            "/usr/lib/cri-o-runc/sbin/runc",
        ),
        "runtimes": {},
        "conmon_path": (
            "/usr/libexec/podman/conmon",
            "/usr/libexec/crio/conmon",
            "/usr/local/libexec/crio/conmon",
            "/usr/bin/conmon",
            "/usr/sbin/conmon",
            "/usr/lib/crio/bin/conmon",
        ),
        "conmon_env_vars": (ENVIRONMENT_PATH,),
        "cgroup_manager": "cgroupfs",
        "static_dir": "/var/lib/containers/storage/libpod",
        "tmp_dir": "/var/run/libpod",
        "volume_path": "/var/lib/containers/storage/volumes",
        "max_log_size": -1,
        "no_pivot_root": False,
        "lock_type": "shm",
        "num_locks": 2048,
        "cni_config_dirs": ("/etc/cni/net.d",),
        "cni_plugin_dirs": ("/usr/libexec/cni", "/usr/lib/cni", "/opt/cni/bin"),
        "network_backend": "",
        "default_network": "",
        "hooks_dir": ("/usr/share/containers/oci/hooks.d",),
        "hooks_dir_not_exist_fatal": False,
        "default_mounts_file": "",
        "events_logger": "",
        "events_logfile_path": "",
        "events_logfile_max_size": 1_000_000,
        "default_capabilities": (),
        "default_sysctls": (),
        "default_ulimits": (),
        "env_host": False,
        "http_proxy": True,
        "init": False,
        "init_path": "",
        "no_hosts": False,
        "tz": "",
        "detach_keys": "ctrl-p,ctrl-q",
        "graph_root": "/var/lib/containers/storage",
        "run_root": "/run/containers/storage",
        "graph_driver_name": "",
        "graph_driver_options": (),
        "uid_map": (),
        "gid_map": (),
        "auto_userns_user": "containers",
        "auto_userns_min_size": 1024,
        "auto_userns_max_size": 65536,
        "runtime_dir": "",
    }
    assert set(settings.origin.values()) == {"built-in"}
    assert not settings.files
    assert not settings.warnings


def test_built_in_values_for_a_user(machine: Machine) -> None:
    machine.become_user()
    session, data = machine.environment["XDG_RUNTIME_DIR"], f"{machine.home}/.local/share/containers/storage"
    values = machine.collect().values
    assert values["runtime_dir"] == session
    assert values["tmp_dir"] == f"{session}/libpod/tmp"
    assert values["run_root"] == f"{session}/containers"
    assert values["graph_root"] == data
    assert values["static_dir"] == f"{data}/libpod"
    machine.environment["XDG_DATA_HOME"] = "/data"
    assert machine.collect().values["volume_path"] == "/data/containers/storage/volumes"


# ---------------------------------------------------------------- containers.conf


def engine(machine: Machine, path: Path, locks: int) -> str:
    return machine.write(path, f"[engine]\nnum_locks = {locks}\n")


def test_later_files_win(machine: Machine) -> None:
    order = [
        engine(machine, machine.share / "containers.conf", 1),
        engine(machine, machine.etc / "containers.conf", 2),
        engine(machine, machine.etc / "containers.conf.d/10-a.conf", 3),
        engine(machine, machine.etc / "containers.conf.d/9.conf", 4),
    ]
    engine(machine, machine.etc / "containers.conf.d/z.conf.bak", 99)
    (machine.etc / "containers.conf.d/zz.conf").mkdir()
    engine(machine, machine.own / "containers.conf", 99)
    settings = machine.collect()
    assert settings.files == order
    assert (settings.values["num_locks"], settings.origin["num_locks"]) == (4, order[-1])
    order.append(machine.write(machine.etc / "libpod.conf", "num_locks = 5\n"))
    settings = machine.collect()
    assert settings.files == order
    assert (settings.values["num_locks"], settings.origin["num_locks"]) == (5, order[-1])
    settings = machine.collect(num_locks=6)
    assert (settings.values["num_locks"], settings.origin["num_locks"]) == (6, "option")


def test_files_of_a_user(machine: Machine) -> None:
    machine.become_user()
    order = [
        engine(machine, machine.etc / "containers.conf", 2),
        engine(machine, machine.own / "containers.conf", 3),
        engine(machine, machine.own / "containers.conf.d/a.conf", 4),
    ]
    machine.write(machine.etc / "libpod.conf", "num_locks = 99\n")
    assert machine.collect().files == order
    order.append(machine.write(machine.own / "libpod.conf", "num_locks = 5\n"))
    assert machine.collect().files == order
    other = machine.root / "other/containers"
    machine.environment["XDG_CONFIG_HOME"] = str(machine.root / "other")
    expected = [order[0], engine(machine, other / "containers.conf", 6)]
    expected.append(machine.write(other / "libpod.conf", ""))
    assert machine.collect().files == expected


def test_every_key_of_containers_conf(machine: Machine) -> None:
    text = """
        [engine]
        static_dir = "/s"
        tmp_dir = "/t/"
        volume_path = "/v"
        cgroup_manager = "systemd"
        conmon_path = ["/c"]
        conmon_env_vars = ["A=b"]
        runtime = "crun"
        lock_type = "file"
        num_locks = 10
        hooks_dir = ["/h1", "/h2"]
        database_backend = "sqlite"
        no_pivot_root = true
        image_default_transport = "oci:"
        [engine.runtimes]
        crun = ["/x/crun"]
        [containers]
        default_capabilities = ["CHOWN", "KILL"]
        default_sysctls = ["net.ipv4.ping_group_range=0 0"]
        default_ulimits = ["nofile=1024:1024"]
        annotations = ["not=ours"]
        env_host = true
        http_proxy = false
        init = true
        init_path = "/i"
        no_hosts = true
        tz = "Europe/Berlin"
        [network]
        network_backend = "cni"
        network_config_dir = "/n"
        cni_plugin_dirs = ["/p"]
        """
    path = machine.write(machine.etc / "containers.conf", text)
    settings = machine.collect()
    expected = {
        "static_dir": "/s",
        "tmp_dir": "/t",
        "volume_path": "/v",
        "cgroup_manager": "systemd",
        "conmon_path": ("/c",),
        "conmon_env_vars": ("A=b",),
        "runtime": "crun",
        "runtimes": {"crun": ("/x/crun",)},
        "lock_type": "file",
        "num_locks": 10,
        "hooks_dir": ("/h1", "/h2"),
        "database_backend": "sqlite",
        "state_type": "sqlite",
        "no_pivot_root": True,
        "image_default_transport": "oci:",
        "default_capabilities": ("CHOWN", "KILL"),
        "default_sysctls": ("net.ipv4.ping_group_range=0 0",),
        "default_ulimits": ("nofile=1024:1024",),
        "env_host": True,
        "http_proxy": False,
        "init": True,
        "init_path": "/i",
        "no_hosts": True,
        "tz": "Europe/Berlin",
        "network_backend": "cni",
        "cni_config_dirs": ("/n",),
        "cni_plugin_dirs": ("/p",),
    }
    assert {key: settings.values[key] for key in expected} == expected
    assert {settings.origin[key] for key in expected} == {path}
    assert not settings.warnings


@pytest.mark.parametrize(
    "line", ['cni_config_dir = "/n"', 'cni_config_dirs = ["/n"]', 'network_config_dir = "/n"']
)
def test_directories_of_cni_networks(machine: Machine, line: str) -> None:
    machine.write(machine.etc / "containers.conf", f"[network]\n{line}\n")
    assert machine.collect().values["cni_config_dirs"] == ("/n",)


def test_networks_of_netavark_are_not_for_cni(machine: Machine) -> None:
    machine.write(
        machine.etc / "containers.conf",
        '[network]\nnetwork_config_dir = "/n"\nnetwork_backend = "netavark"\n',
    )
    assert machine.collect().values["cni_config_dirs"] == ("/etc/cni/net.d",)
    machine.write(machine.etc / "containers.conf.d/x.conf", '[network]\nnetwork_config_dir = "/m"\n')
    assert machine.collect().values["cni_config_dirs"] == ("/etc/cni/net.d",)


def test_one_named_file_instead_of_all_others(machine: Machine) -> None:
    engine(machine, machine.etc / "containers.conf", 2)
    engine(machine, machine.etc / "containers.conf.d/a.conf", 3)
    machine.write(machine.etc / "libpod.conf", "num_locks = 4\n")
    machine.environment["CONTAINERS_CONF"] = engine(machine, machine.root / "my.conf", 5)
    settings = machine.collect()
    assert settings.files == [f"{machine.root}/my.conf"]
    assert settings.values["num_locks"] == 5
    machine.environment["CONTAINERS_CONF"] = "/dev/null"
    assert machine.collect().values["num_locks"] == 2048


def test_override_file_on_top(machine: Machine) -> None:
    machine.write(machine.etc / "libpod.conf", "num_locks = 4\n")
    machine.environment["CONTAINERS_CONF_OVERRIDE"] = engine(machine, machine.root / "over.conf", 5)
    assert machine.collect().values["num_locks"] == 5
    machine.environment["CONTAINERS_CONF"] = engine(machine, machine.root / "my.conf", 6)
    assert machine.collect().files == [f"{machine.root}/my.conf", f"{machine.root}/over.conf"]
    assert machine.collect().values["num_locks"] == 5


@pytest.mark.parametrize(
    "variable", ["CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE", "CONTAINERS_STORAGE_CONF"]
)
def test_named_file_that_is_missing(machine: Machine, variable: str) -> None:
    machine.environment[variable] = f"{machine.root}/none.conf"
    with pytest.raises(ConfigurationError, match=r"none\.conf: No such file") as caught:
        machine.collect()
    assert caught.value.hint == f"{variable} names this file"


def test_relative_name_of_a_file(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(machine, machine.root / "my.conf", 5)
    monkeypatch.chdir(machine.root)
    machine.environment["CONTAINERS_CONF"] = "my.conf"
    assert machine.collect().files == [f"{machine.root}/my.conf"]


def test_lists_replace_unless_they_append(machine: Machine) -> None:
    drop_ins = machine.etc / "containers.conf.d"
    machine.write(machine.etc / "containers.conf", '[engine]\nconmon_path = ["/a"]\nhooks_dir = ["/h"]\n')
    machine.write(
        drop_ins / "1.conf", '[engine]\nconmon_path = ["/b", {append = true}]\nhooks_dir = ["/i"]\n'
    )
    assert machine.collect().values["conmon_path"] == ("/a", "/b")
    assert machine.collect().values["hooks_dir"] == ("/i",)
    machine.write(drop_ins / "2.conf", '[engine]\nconmon_path = ["/c"]\n')
    assert machine.collect().values["conmon_path"] == ("/a", "/b", "/c")
    machine.write(drop_ins / "3.conf", '[engine]\nconmon_path = ["/d", {append = false}]\n')
    assert machine.collect().values["conmon_path"] == ("/d",)


def test_appending_to_built_in_values(machine: Machine) -> None:
    machine.write(
        machine.etc / "containers.conf", '[network]\ncni_plugin_dirs = [{append = true}, "/mine"]\n'
    )
    assert machine.collect().values["cni_plugin_dirs"][-2:] == ("/opt/cni/bin", "/mine")


@pytest.mark.parametrize("item", ["{x = 1}", "{append = 1}", "{append = true, x = 1}"])
def test_other_tables_in_a_list(machine: Machine, item: str) -> None:
    machine.write(machine.etc / "containers.conf", f'[engine]\nconmon_path = ["/a", {item}]\n')
    with pytest.raises(ConfigurationError, match=r"\[engine\] conmon_path holds a table"):
        machine.collect()


def test_tables_of_runtimes_are_merged(machine: Machine) -> None:
    machine.write(machine.share / "containers.conf", '[engine.runtimes]\nrunc = ["/a"]\ncrun = ["/b"]\n')
    machine.write(machine.etc / "containers.conf", '[engine.runtimes]\ncrun = ["/c"]\n')
    assert machine.collect().values["runtimes"] == {"runc": ("/a",), "crun": ("/c",)}


def test_an_empty_string_leaves_a_setting_alone(machine: Machine) -> None:
    machine.write(machine.share / "containers.conf", '[engine]\nlock_type = "file"\ntmp_dir = "/t"\n')
    empty = '[engine]\nlock_type = ""\ntmp_dir = ""\ndatabase_backend = ""\ncgroup_manager = ""\n'
    machine.write(machine.etc / "containers.conf", empty)
    values = machine.collect().values
    assert (values["lock_type"], values["tmp_dir"], values["cgroup_manager"]) == ("file", "/t", "cgroupfs")


# ---------------------------------------------------------------- libpod.conf


def test_one_libpod_conf_counts(machine: Machine) -> None:
    machine.write(machine.share / "libpod.conf", "num_locks = 1\nmax_log_size = 7\n")
    assert machine.collect().values["num_locks"] == 1
    path = machine.write(machine.etc / "libpod.conf", "num_locks = 2\n")
    settings = machine.collect()
    assert settings.files == [path]
    assert (settings.values["num_locks"], settings.values["max_log_size"]) == (2, -1)


def test_every_key_of_libpod_conf(machine: Machine) -> None:
    text = """
        image_default_transport = "oci:"
        signature_policy_path = "/policy.json"
        runtime_path = ["/r1", "/r2"]
        conmon_path = ["/c"]
        conmon_env_vars = ["A=b"]
        cgroup_manager = "systemd"
        static_dir = "/s"
        tmp_dir = "/t"
        max_log_size = 4096
        no_pivot_root = true
        cni_config_dir = "/n/"
        cni_plugin_dir = ["/p1", "/p2"]
        hooks_dir = "/h"
        hooks_dir_not_exist_fatal = true
        """
    machine.write(machine.etc / "libpod.conf", text)
    settings = machine.collect()
    expected = {
        "image_default_transport": "oci:",
        "signature_policy_path": "/policy.json",
        "runtime_path": ("/r1", "/r2"),
        "conmon_path": ("/c",),
        "conmon_env_vars": ("A=b",),
        "cgroup_manager": "systemd",
        "static_dir": "/s",
        "tmp_dir": "/t",
        "max_log_size": 4096,
        "no_pivot_root": True,
        "cni_config_dirs": ("/n",),
        "cni_plugin_dirs": ("/p1", "/p2"),
        "hooks_dir": ("/h",),
        "hooks_dir_not_exist_fatal": True,
    }
    assert {key: settings.values[key] for key in expected} == expected
    assert not settings.warnings


def test_a_named_file_starts_from_nothing(machine: Machine) -> None:
    engine(machine, machine.etc / "containers.conf", 2)
    machine.write(machine.etc / "libpod.conf", "num_locks = 3\n")
    path = machine.write(machine.root / "my.conf", 'conmon_path = ["/c"]\n')
    settings = machine.collect(path)
    assert settings.files == [path]
    empty = ["image_default_transport", "static_dir", "tmp_dir", "cgroup_manager", "runtime"]
    assert {settings.values[key] for key in empty} == {""}
    lists = ["runtime_path", "conmon_env_vars", "cni_config_dirs", "cni_plugin_dirs", "hooks_dir"]
    assert {settings.values[key] for key in lists} == {()}
    assert settings.values["max_log_size"] == 0
    assert settings.values["conmon_path"] == ("/c",)
    kept = {"state_type": "boltdb", "lock_type": "shm", "num_locks": 2048}
    assert {key: settings.values[key] for key in kept} == kept
    assert settings.values["graph_root"] == "/var/lib/containers/storage"
    settings = machine.collect(path, tmp_dir="/t", graph_root="/g")
    assert (settings.values["tmp_dir"], settings.values["static_dir"]) == ("/t", "/g/libpod")


def test_a_named_file_must_exist(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.conf: No such file"):
        machine.collect(f"{machine.root}/none.conf")


# ---------------------------------------------------------------- options


def test_none_is_an_option_not_given(machine: Machine) -> None:
    machine.write(machine.etc / "libpod.conf", "no_pivot_root = true\n")
    settings = machine.collect(no_pivot_root=None, tmp_dir=None, storage_config=None)
    assert settings.values["no_pivot_root"] is True
    assert not settings.user_set("tmp_dir")


def test_false_is_an_option_like_any_other(machine: Machine) -> None:
    machine.write(machine.etc / "libpod.conf", "no_pivot_root = true\n")
    settings = machine.collect(no_pivot_root=False)
    assert settings.values["no_pivot_root"] is False
    assert settings.user_set("no_pivot_root")


@pytest.mark.parametrize("name", ["with_tmp_dir", "tmpdir", "runtime_dir", "rootless", ""])
def test_unknown_option(machine: Machine, name: str) -> None:
    with pytest.raises(InvalidArgument, match="there is no option"):
        machine.collect(**{name: "x"})


def test_directories_follow_a_graph_root_given_as_option(machine: Machine) -> None:
    machine.write(machine.etc / "libpod.conf", 'static_dir = "/s"\nvolume_path = "/v"\n')
    values = machine.collect(graph_root="/g/").values
    assert (values["graph_root"], values["static_dir"], values["volume_path"]) == (
        "/g",
        "/g/libpod",
        "/g/volumes",
    )
    settings = machine.collect(graph_root="/g", static_dir="/mine")
    assert (settings.values["static_dir"], settings.values["volume_path"]) == ("/mine", "/g/volumes")
    assert settings.user_set("volume_path")
    assert machine.collect().values["static_dir"] == "/s"


@pytest.mark.parametrize("storage", [{}, {"graph_root": ""}, {"graph_root": "", "run_root": "/r"}])
def test_storage_without_a_root_moves_nothing(machine: Machine, storage: dict[str, str]) -> None:
    settings = machine.collect(storage_config=storage)
    assert settings.values["static_dir"] == "/var/lib/containers/storage/libpod"
    assert settings.values["run_root"] == storage.get("run_root", "/run/containers/storage")
    assert not settings.user_set("static_dir")


@pytest.mark.parametrize("storage", ["/g", {"graphroot": "/g"}, ["graph_root"]])
def test_wrong_storage_option(machine: Machine, storage: object) -> None:
    with pytest.raises(InvalidArgument, match="storage_config must be a table with keys among graph_root"):
        machine.collect(storage_config=storage)


def test_runtime_directories_given_need_no_session(machine: Machine) -> None:
    machine.become_user()
    machine.environment["XDG_RUNTIME_DIR"] = "/nowhere"
    values = machine.collect(tmp_dir="/t", run_root="/r").values
    assert (values["tmp_dir"], values["run_root"], values["runtime_dir"]) == ("/t", "/r", "")
    with pytest.raises(InvalidArgument, match="XDG_RUNTIME_DIR: /nowhere does not exist"):
        machine.collect(tmp_dir="/t")


# ---------------------------------------------------------------- which database


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({}, ""),
        ({"state_type": "sqlite"}, "sqlite"),
        ({"database_backend": "boltdb"}, "boltdb"),
        ({"database_backend": "memory"}, "memory"),
        ({"database_backend": "boltdb", "state_type": "sqlite"}, "sqlite"),
    ],
)
def test_which_back_end_was_asked_for(machine: Machine, overrides: dict[str, str], kind: str) -> None:
    assert machine.collect(None, **overrides).database_kind() == kind


def test_places_of_the_database(machine: Machine) -> None:
    roots = {"graph_root": "/g", "static_dir": "/s"}
    places = [("sqlite", "/g/db.sql"), ("sqlite", "/s/db.sql"), ("boltdb", "/s/bolt_state.db")]
    assert machine.collect(None, **roots).database_candidates() == places
    assert machine.collect(None, database_backend="sqlite", **roots).database_candidates() == places[:2]
    assert machine.collect(None, database_backend="boltdb", **roots).database_candidates() == places[2:]
    assert machine.collect(None, database_backend="memory", **roots).database_candidates() == []
    assert sources.database_candidates("", "/g", "/g") == [
        ("sqlite", "/g/db.sql"),
        ("boltdb", "/g/bolt_state.db"),
    ]
    assert sources.database_candidates("", "/g", "") == [("sqlite", "/g/db.sql")]


# ---------------------------------------------------------------- warnings and errors


def test_unknown_keys_are_ignored_with_a_warning(machine: Machine) -> None:
    text = "[engine]\nfoo = 1\nremote = true\n[network]\nbar = 1\n[engin]\nx = 1\n[containers]\ny = 1\n"
    containers = machine.write(machine.etc / "containers.conf", text)
    libpod = machine.write(machine.etc / "libpod.conf", 'infra_image = "x"\nspeed = 1\n[engine]\nz = 1\n')
    assert machine.collect().warnings == [
        f"{containers}: [engine] foo is not known, ignored",
        f"{containers}: [network] bar is not known, ignored",
        f"{containers}: table [engin] is not known, ignored",
        f"{libpod}: speed is not known, ignored",
        f"{libpod}: engine is not known, ignored",
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "containers.conf",
            "[engine]\nnum_locks = '5'\n",
            "[engine] num_locks must be a whole number, not a string",
        ),
        ("containers.conf", "engine = 5\n", "[engine] must be a table, not a whole number"),
        ("containers.conf", "[[network]]\n", "[network] must be a table, not a list of a table"),
        (
            "containers.conf.d/x.conf",
            "[engine]\ncgroup_manager = 'x'\n",
            "cgroup_manager must be cgroupfs or systemd",
        ),
        (
            "libpod.conf",
            "conmon_path = true\n",
            "conmon_path must be a list of paths (strings), not true or false",
        ),
        ("libpod.conf", "tmp_dir = 'run'\n", "tmp_dir must be an absolute path, not run"),
        ("libpod.conf", "tmp_dir =\n", "line 1, column 10"),
        ("libpod.conf", b"tmp_dir = '/\xe9'\n", "line 1, column 13: byte 0xe9 is not UTF-8"),
    ],
)
def test_bad_files_are_named(machine: Machine, name: str, text: str | bytes, problem: str) -> None:
    path = machine.write(machine.etc / name, text)
    with pytest.raises(ConfigurationError) as caught:
        machine.collect()
    assert caught.value.path == path
    assert path in caught.value.message
    assert problem in caught.value.message


@pytest.mark.parametrize("name", ["containers.conf", "libpod.conf", "storage.conf"])
def test_a_directory_in_place_of_a_file(machine: Machine, name: str) -> None:
    (machine.etc / name).mkdir()
    with pytest.raises(ConfigurationError, match=f"{name}: is a directory"):
        machine.collect()


def test_a_file_in_place_of_the_directory_of_drop_ins(machine: Machine) -> None:
    path = machine.write(machine.etc / "containers.conf.d", "")
    with pytest.raises(ConfigurationError, match=r"containers\.conf\.d is not a directory") as caught:
        machine.collect()
    assert caught.value.path == path
    assert caught.value.hint


def test_a_drop_in_that_leads_nowhere(machine: Machine) -> None:
    (machine.etc / "containers.conf.d").mkdir()
    (machine.etc / "containers.conf.d/x.conf").symlink_to("none")
    with pytest.raises(ConfigurationError, match=r"x\.conf: No such file"):
        machine.collect()


def test_a_file_in_place_of_a_parent_directory(machine: Machine) -> None:
    machine.become_user()
    machine.write(machine.home / ".config", "")
    assert machine.collect().files == []


def test_files_of_this_machine_are_the_usual_ones() -> None:
    assert sources.libpod_conf_files(Account({}, 0)) == [
        "/etc/containers/libpod.conf",
        "/usr/share/containers/libpod.conf",
    ]
    assert sources.containers_conf_files(Account({}, 0))[:2] == [
        ("/usr/share/containers/containers.conf", ""),
        ("/etc/containers/containers.conf", ""),
    ]
    assert sources.libpod_conf_files(Account({"HOME": "/nowhere"}, 1000)) == [
        "/nowhere/.config/containers/libpod.conf"
    ]


def test_reading_plain_files_needs_no_heavy_module(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write(machine.etc / "libpod.conf", 'tmp_dir = "/t"\n')
    monkeypatch.setitem(sys.modules, "tomli", None)  # an import of it would raise ImportError
    assert machine.collect().values["tmp_dir"] == "/t"
