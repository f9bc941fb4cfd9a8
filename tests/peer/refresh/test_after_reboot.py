"""A store that Podman made goes through a reboot and our refresh; then Podman works on it as ever."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import database
from tests.lab.machine import Machine
from tests.lab.podman import Store
from tests.lab.populate import NETWORKED, PODS, REMOVED, STATES, STATIC_IP, VOLUMES, populate
from tests.lab.stores import PODMAN_5

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.stores import MakeStore, StoreFactory

# The state as libpod stores it.
RUNNING = 3


def containers(store: Store) -> dict[str, database.Stored]:
    """Return the stored containers by their names."""
    return {stored.name: stored for stored in database.objects(store.database, "container").values()}


def is_networked(store: Store) -> bool:
    """Tell whether the store has the containers with a network; those of Podman 5 have none."""
    return "with-network" in containers(store)


def expected_states(store: Store) -> dict[str, str]:
    """Return the state that Podman must give each container after the refresh."""
    states = STATES if is_networked(store) else {k: v for k, v in STATES.items() if k not in NETWORKED}
    return states | {name: "exited" for name in containers(store) if name.endswith("-infra")}


def test_report_of_a_refresh(rebooted: Store) -> None:
    total = len(containers(rebooted))
    running = {
        name for name, stored in containers(rebooted).items() if stored.state_json()["state"] == RUNNING
    }
    assert "running" in running, "the store must say that containers run, or the test shows nothing"
    report = rebooted.refresh()
    assert report["decision"] == "refresh"
    assert report["boot_id"] == rebooted.machine.boot_id
    assert report["previous_boot_id"] is None
    assert report["dry_run"] is False
    assert report["containers"]["total"] == total
    assert report["containers"]["reset"] == total - len(REMOVED)
    assert report["containers"]["removed"] == len(REMOVED)
    assert report["containers"]["adopted"] == 0
    assert report["containers"]["quarantined"] == []
    assert (report["pods"]["total"], report["pods"]["quarantined"]) == (len(PODS), [])
    assert (report["volumes"]["total"], report["volumes"]["quarantined"]) == (len(VOLUMES), [])
    assert report["locks"] == {
        "kind": rebooted.lock_type,
        "allocated": total - len(REMOVED) + len(PODS) + len(VOLUMES),
        "renumbered": 0,
    }
    assert report["database"]["backend"] == ("sqlite" if rebooted.database.suffix == ".sql" else "boltdb")
    assert report["database"]["path"].endswith(rebooted.database.name)
    assert report["database"]["backup"]
    assert rebooted.on_disk(report["database"]["backup"]).stat().st_mode & 0o777 == 0o600
    assert sum(report["phases"].values()) <= report["seconds"]


def test_alive_file_holds_the_boot_id(rebooted: Store) -> None:
    rebooted.refresh()
    assert rebooted.alive.read_text() == rebooted.machine.boot_id + "\n"
    assert rebooted.alive.stat().st_mode & 0o777 == 0o644


def test_last_report_is_kept(rebooted: Store) -> None:
    report = rebooted.refresh()
    assert json.loads(rebooted.path(f"{rebooted.tmp_dir}/refresh.json").read_text()) == report
    assert json.loads(rebooted.libpod("refresh", "--last", "--format", "json").stdout) == report


def test_podman_lists_every_container_as_not_running(rebooted: Store) -> None:
    expected = expected_states(rebooted)
    rebooted.refresh()
    assert rebooted.states() == expected


def test_podman_starts_everything_again(rebooted: Store) -> None:
    rebooted.refresh()
    for name in expected_states(rebooted):
        rebooted.podman("start", name)
    states = rebooted.states()
    states.pop("exited")  # it ends at once, by itself
    assert set(states.values()) == {"running"}
    for name in states:
        assert rebooted.process_lives(rebooted.pid(name)), name


def test_podman_stops_and_removes_what_it_started(rebooted: Store) -> None:
    rebooted.refresh()
    names = [name for name in expected_states(rebooted) if name != "exited"]
    for name in names:
        rebooted.podman("start", name)
    for name in names:
        rebooted.podman("stop", "-t", "0", name)
    rebooted.remove_everything()
    assert rebooted.states() == {}
    assert database.lock_numbers(rebooted.database) == {}


def test_podman_removes_without_starting(rebooted: Store) -> None:
    rebooted.refresh()
    rebooted.remove_everything()
    assert rebooted.allocated_locks() == set()


def test_new_objects_get_locks_of_their_own(rebooted: Store) -> None:
    rebooted.refresh()
    old = set(database.lock_numbers(rebooted.database).values())
    rebooted.create("new", "-v", "new-volume:/data")
    rebooted.podman("pod", "create", "--name", "new-pod", "--infra=false")
    rebooted.run("newer", "--pod=new-pod", "--net=none")
    numbers = database.lock_numbers(rebooted.database)
    assert len(set(numbers.values())) == len(numbers), numbers
    assert old < set(numbers.values())
    assert rebooted.allocated_locks() == set(numbers.values())
    rebooted.podman("start", "new")


def test_exit_codes_and_times_stay(rebooted: Store) -> None:
    before = containers(rebooted)
    rebooted.refresh()
    after = containers(rebooted)
    assert after.keys() == before.keys() - set(REMOVED)
    for name in after:
        stored = before[name]
        for key in ("exitCode", "startedTime", "finishedTime", "exited", "oomKilled", "configPath"):
            assert after[name].state_json().get(key) == stored.state_json().get(key), (name, key)
        assert after[name].config == stored.config, name
    assert rebooted.inspect("exited")["State"]["ExitCode"] == 3


def test_volumes_keep_their_data(rebooted: Store) -> None:
    rebooted.refresh()
    rebooted.podman("start", "with-volumes")
    rebooted.podman("start", "with-volumes-too")
    assert rebooted.podman("exec", "with-volumes-too", "cat", "/data/file").stdout == "kept\nkept\n"
    assert " /memory tmpfs " in rebooted.podman("exec", "with-volumes", "cat", "/proc/mounts").stdout


def test_static_addresses_are_free_again(make_store: MakeStore) -> None:
    """The lease of an address is on the disk. Nobody gave it back when the power failed."""
    store = make_store(populated=True)
    store.refresh()
    store.podman("start", "with-network")
    store.podman("start", "in-its-network")
    settings = store.inspect("with-network")["NetworkSettings"]
    assert settings["Networks"]["lab"]["IPAddress"] == STATIC_IP
    assert list(settings["Ports"]) == ["80/tcp"]
    store.podman("rm", "-f", "-t", "0", "in-its-network")
    store.podman("rm", "-f", "-t", "0", "with-network")


def test_leases_of_strangers_stay(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    stranger = store.path("/var/lib/cni/networks/lab/10.90.0.200")
    stranger.write_text("f" * 64 + "\r\neth0")
    store.refresh()
    assert stranger.exists()
    assert not stranger.with_name(STATIC_IP).exists()


def test_exec_sessions_are_gone(rebooted: Store) -> None:
    sessions = containers(rebooted)["running"].state_json()["newExecSessions"]
    assert len(sessions) == 1
    rebooted.refresh()
    assert rebooted.inspect("running")["ExecIDs"] == []
    rebooted.podman("start", "running")
    assert rebooted.podman("exec", "running", "echo", "hello").stdout == "hello\n"


def test_dependencies_hold(rebooted: Store) -> None:
    rebooted.refresh()
    rebooted.podman("start", "needs-running")
    assert rebooted.states()["running"] == "running"


@pytest.mark.parametrize("pod", ["pod", "pod-without-infra"])
def test_podman_starts_and_stops_pods(rebooted: Store, pod: str) -> None:
    rebooted.refresh()
    rebooted.podman("pod", "start", pod)
    listing = json.loads(rebooted.podman("pod", "ps", "--format", "json").stdout)
    assert {entry["Name"]: entry["Status"] for entry in listing}[pod] == "Running"
    rebooted.podman("pod", "stop", "-t", "0", pod)
    rebooted.podman("pod", "rm", pod)


def test_second_refresh_finds_nothing_to_do(rebooted: Store) -> None:
    rebooted.refresh()
    before = rebooted.database.read_bytes()
    report = rebooted.refresh()
    assert report["decision"] == "noop"
    assert report["actions"] == []
    assert rebooted.database.read_bytes() == before


def test_two_reboots(rebooted: Store) -> None:
    first = rebooted.refresh()
    rebooted.podman("start", "running")
    rebooted.reboot()
    report = rebooted.refresh()
    assert report["decision"] == "refresh"
    assert report["previous_boot_id"] == first["boot_id"]
    assert rebooted.states() == expected_states(rebooted)
    rebooted.podman("start", "running")


def test_two_backups_are_kept(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    backups = []
    for _ in range(4):
        backups.append(store.on_disk(store.refresh()["database"]["backup"]))
        store.reboot()
    assert [backup.exists() for backup in backups] == [False, False, True, True]


def test_backup_is_the_database_before_the_refresh(rebooted: Store) -> None:
    before = rebooted.database.read_bytes()
    backup = rebooted.on_disk(rebooted.refresh()["database"]["backup"])
    assert backup.read_bytes() == before


def test_podman_came_first(rebooted: Store) -> None:
    """Podman's own refresh of this boot counts; its alive file is empty (4.3) or holds the boot ID (5.4)."""
    rebooted.podman("ps", "-q")
    rebooted.podman("start", "running")
    pid = rebooted.pid("running")
    report = rebooted.refresh()
    assert report["decision"] == "noop"
    assert rebooted.pid("running") == pid
    assert rebooted.process_lives(pid)


@pytest.mark.parametrize("writer", ["us", "Podman"])
def test_tmp_dir_that_outlives_the_reboot(make_store: MakeStore, writer: str) -> None:
    """A runtime directory on a disk: its alive file is still there, of the boot before."""
    store = make_store(tmp_dir="/srv/tmpdir")
    store.run("running")
    if writer == "us":
        store.remove_tmp_dir()
        assert store.refresh()["decision"] == "adopt"
    assert store.alive.read_text() == (f"{store.machine.boot_id}\n" if writer == "us" else "")
    store.reboot()
    report = store.refresh()
    assert report["decision"] == "refresh"
    assert report["locks"] == {"kind": "file", "allocated": 1, "renumbered": 0}
    assert store.states() == {"running": "exited"}
    store.podman("start", "running")
    store.create("new")
    numbers = database.lock_numbers(store.database)
    assert set(numbers.values()) == store.allocated_locks()


# What Debian 12 installs with the registries' defaults: values of an old Podman.
LIBPOD_CONF_OF_DEBIAN = """\
image_default_transport = "docker://"
conmon_path = ["/usr/bin/conmon", "/usr/sbin/conmon"]
conmon_env_vars = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
cgroup_manager = "systemd"
tmp_dir = "/var/run/libpod"
max_log_size = -1
no_pivot_root = false
cni_config_dir = "/etc/cni/net.d/"
cni_plugin_dir = ["/usr/lib/cni", "/usr/local/lib/cni", "/opt/cni/bin"]
cni_default_network = "podman"
infra_image = "k8s.gcr.io/pause:3.1"
infra_command = "/pause"
lock_type = "shm"
num_locks = 2048
runtime = "crun"
runtime_supports_json = ["crun", "runc"]
runtime_supports_nocgroups = ["crun"]

[runtimes]
runc = ["/usr/sbin/runc"]
crun = ["/usr/bin/crun"]
"""


def test_host_with_all_defaults(store_factory: StoreFactory, tmp_path: Path) -> None:
    """Neither program is given an option: the store is the host's own."""
    root, run_root, tmp_dir = "/var/lib/containers/storage", "/run/containers/storage", "/run/libpod"
    with Machine(tmp_path / "machine") as machine:
        store = Store(machine, lock_type="shm", options=(), root=root, run_root=run_root, tmp_dir=tmp_dir)
        (machine.disk / "etc-containers/libpod.conf").write_text(LIBPOD_CONF_OF_DEBIAN)
        machine.boot()
        store.import_image()
        populate(store)
        store.reboot()
        report = store.refresh()
        assert report["decision"] == "refresh"
        assert report["database"]["path"] == f"{root}/libpod/bolt_state.db"
        assert store.alive.read_text() == machine.boot_id + "\n"
        assert store.states() == expected_states(store)
        for name in ("running", "paused", "with-network", "in-pod", "with-volumes"):
            store.podman("start", name)
        store.create("new")
        numbers = database.lock_numbers(store.database)
        assert set(numbers.values()) == store.allocated_locks()
        assert len(set(numbers.values())) == len(numbers)
        assert store.refresh()["decision"] == "noop"


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out what our refresh stores as Podman 5 does.

    What had run is exited, not created; that the user stopped a container is remembered (Podman 5.8); the
    path of a pod's cgroup is known from the start.
    """
    return {k: v for k, v in state.items() if k not in ("state", "stoppedByUser", "cgroupPath")}


def test_stores_the_same_as_the_refresh_of_podman(make_store: MakeStore) -> None:
    """Key by key, for containers, pods and volumes."""
    ours, podmans = make_store(populated=True), make_store(populated=True)
    ours.refresh()
    podmans.podman("ps", "-q")
    for kind in database.BUCKETS:
        expected = database.objects(podmans.database, kind)
        found = database.objects(ours.database, kind)
        removed = {key for key, stored in expected.items() if stored.name in REMOVED}
        assert found.keys() == expected.keys() - removed
        for identifier, stored in found.items():
            assert stored.config == expected[identifier].config
            assert stored.netns == expected[identifier].netns
            there = expected[identifier].state_json()
            assert comparable(stored.state_json()) == comparable(there), (kind, stored.name)


def test_stores_the_same_as_the_refresh_of_podman_5(make_store: MakeStore) -> None:
    """Key by key; both remove a container that was made with `--rm` and had run."""
    ours, podmans = make_store(PODMAN_5, populated=True), make_store(PODMAN_5, populated=True)
    ours.refresh()
    podmans.podman("ps", "-q")
    for kind in database.BUCKETS:
        expected = database.objects(podmans.database, kind)
        found = database.objects(ours.database, kind)
        assert found.keys() == expected.keys()
        for identifier, stored in expected.items():
            assert found[identifier].config == stored.config
            here, there = found[identifier].state_json(), stored.state_json()
            here["stoppedByUser"] = there["stoppedByUser"] = None  # kept since Podman 5.8
            assert here == there, (kind, stored.name)
