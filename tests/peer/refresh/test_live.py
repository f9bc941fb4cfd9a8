"""The per-boot directory is lost while containers run: they must stay up, and Podman must still know them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import database
from tests.lab.stores import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

LOSSES: dict[str, Callable[[Store], None]] = {
    "alive": lambda store: store.remove_alive(),
    "tmp-dir": lambda store: store.remove_tmp_dir(),
    "run-root": lambda store: store.remove_runtime_dir(),
}


@pytest.fixture(params=KINDS, ids=str)
def live(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """A store with running, paused, stopped and created containers, of each kind."""
    kind: Kind = request.param
    store = make_store(kind)
    store.create("created")
    store.run("running", "-v", "data:/data")
    store.run("paused")
    store.podman("pause", "paused")
    store.run("stopped")
    store.podman("stop", "-t", "0", "stopped")
    store.podman("pod", "create", "--name", "pod", "--infra=false")
    store.run("in-pod", "--pod=pod", "--net=none")
    return store


LIVE = ("running", "paused", "in-pod")
STATES = {
    "created": "created",
    "running": "running",
    "paused": "paused",
    "stopped": "exited",
    "in-pod": "running",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_live_containers_are_adopted(live: Store, loss: str) -> None:
    pids = {name: live.pid(name) for name in LIVE}
    before = database.objects(live.database, "container")
    LOSSES[loss](live)
    report = live.refresh()
    assert report["decision"] == "adopt"
    assert report["containers"]["adopted"] == len(LIVE)
    assert report["containers"]["quarantined"] == []
    assert report["locks"]["allocated"] == 7
    assert all(live.process_lives(pid) for pid in pids.values())
    assert database.objects(live.database, "container").keys() == before.keys()
    for identifier, stored in database.objects(live.database, "container").items():
        if stored.name in LIVE:
            assert stored.state == before[identifier].state, stored.name
    assert live.states() == STATES
    assert {name: live.pid(name) for name in LIVE} == pids


@pytest.mark.parametrize("loss", LOSSES)
def test_podman_goes_on_with_adopted_containers(live: Store, loss: str) -> None:
    # Not by Podman, whose clean-up afterwards would meet the loss before the refresh does.
    hosts = live.path(f"/proc/{live.pid('running')}/root/etc/hosts").read_text()
    LOSSES[loss](live)
    live.refresh()
    live.podman("unpause", "paused")
    assert live.podman("exec", "running", "echo", "here").stdout == "here\n"
    live.create("new")
    numbers = database.lock_numbers(live.database)
    assert len(set(numbers.values())) == len(numbers), numbers
    live.podman("start", "created")
    live.podman("start", "stopped")
    for name in ("running", "paused", "in-pod", "created", "stopped"):
        live.podman("stop", "-t", "0", name)
    live.podman("start", "running", "paused", "in-pod", "stopped")
    assert live.podman("exec", "running", "cat", "/etc/hosts").stdout == hosts
    live.podman("stop", "-t", "0", "running", "paused", "in-pod", "stopped")
    live.remove_everything()


def test_mounts_of_adopted_containers_stay_counted(make_store: MakeStore) -> None:
    """Podman takes its whole driver home off at its end when it believes that no layer is mounted."""
    store = make_store()
    store.run("running")
    place = store.podman("mount", "running").stdout.strip()
    store.podman("umount", "running")
    store.remove_runtime_dir()
    report = store.refresh()
    assert any("count the mount of layer" in action for action in report["actions"]), report["actions"]
    store.podman("ps", "-a")
    assert store.podman("mount", "running").stdout.strip() == place
    store.podman("umount", "running")
    assert store.podman("exec", "running", "echo", "here").stdout == "here\n"
    counts = json.loads(store.path(f"{store.run_root}/overlay-layers/mountpoints.json").read_text())
    assert [(entry["path"], entry["count"]) for entry in counts] == [(place, 1)]
    store.podman("stop", "-t", "0", "running")
    assert json.loads(store.path(f"{store.run_root}/overlay-layers/mountpoints.json").read_text()) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_exit_of_an_adopted_container_is_seen(live: Store, loss: str) -> None:
    """conmon was told the exit directory at the start; the exit code must arrive there."""
    LOSSES[loss](live)
    live.refresh()
    live.kill(live.pid("running"))
    assert live.podman("wait", "running").stdout == "137\n"
    # "stopped" until the clean-up, which Podman does in the background.
    assert live.states()["running"] in ("exited", "stopped")


def test_second_refresh_after_an_adoption_does_nothing(live: Store) -> None:
    live.remove_alive()
    live.refresh()
    report = live.refresh()
    assert (report["decision"], report["actions"]) == ("noop", [])


def test_reboot_after_an_adoption(live: Store) -> None:
    live.remove_tmp_dir()
    live.refresh()
    live.reboot()
    assert live.refresh()["decision"] == "refresh"
    assert live.states() == {name: "created" if name == "created" else "exited" for name in STATES}
    live.podman("start", "running")


def test_one_container_died_with_the_directory(make_store: MakeStore) -> None:
    """Of two containers that run, one and its conmon were killed; the other lives."""
    store = make_store()
    dead, live = store.run("dead"), store.run("live")
    conmon = int(store.path(f"{store.run_root}/overlay-containers/{dead}/userdata/conmon.pid").read_text())
    pids = {"dead": store.pid("dead"), "live": store.pid("live")}
    store.kill(conmon, pids["dead"])
    store.remove_tmp_dir()
    report = store.refresh()
    assert report["decision"] == "adopt"
    assert report["containers"]["adopted"] == 1
    assert store.process_lives(pids["live"])
    states = store.states()
    assert states["dead"] in ("exited", "stopped")  # what Podman makes of a process that is gone
    assert states["live"] == "running"
    assert store.inspect(live)["State"]["Pid"] == pids["live"]
    store.podman("start", "dead")


def test_all_died_in_the_same_boot(make_store: MakeStore) -> None:
    store = make_store()
    store.run("running")
    store.refresh()
    pid = store.pid("running")
    store.kill(store.inspect("running")["State"]["ConmonPid"], pid)
    store.remove_tmp_dir()
    report = store.refresh()
    assert report["decision"] == "refresh"
    assert store.states() == {"running": "exited"}
    store.podman("start", "running")


def test_pid_that_another_process_got(make_store: MakeStore) -> None:
    """After a reboot the recorded PID may be somebody else's: that is no live container."""
    store = make_store(populated=True)
    state = database.named(store.database, "container", "running")[1].state_json()
    strangers = []
    for pid in (int(state["pid"]), int(state["conmonPid"])):
        script = f"echo {pid - 1} > /proc/sys/kernel/ns_last_pid; sleep 100000 & echo $!; wait"
        strangers.append(store.machine.start(["sh", "-c", script]))
        output = strangers[-1].stdout
        assert output is not None
        assert int(output.readline()) == pid
    report = store.refresh()
    assert report["decision"] == "refresh"
    assert report["containers"]["adopted"] == 0
    for stranger in strangers:
        assert stranger.poll() is None, "a process that has nothing to do with the store was ended"
    store.machine.power_off()
    for stranger in strangers:
        stranger.communicate()


def test_old_boot_id_with_live_containers_is_refused(make_store: MakeStore) -> None:
    """The alive file says another boot, the processes say this one: nothing may be reset."""
    store = make_store()
    store.run("running")
    store.alive.write_text("00000000-0000-4000-8000-000000000000\n")
    before = database.objects(store.database, "container")
    result = store.libpod("refresh", "--format", "json", check=False)
    assert result.status == 125
    assert store.alive.parent.name in result.stderr
    assert "hint:" in result.stderr
    assert database.objects(store.database, "container") == before
    assert store.process_lives(store.pid("running"))
    # As the hint says.
    store.remove_alive()
    assert store.refresh()["decision"] == "adopt"
    assert store.states() == {"running": "running"}


def test_a_container_that_lives_unrecorded_is_not_orphaned(make_store: MakeStore) -> None:
    """Podman 4 takes a lost alive file for a reboot, and forgets that the container runs."""
    store = make_store()
    store.run("running")
    pid = store.pid("running")
    store.remove_alive()
    store.podman("ps", check=False)
    assert store.states() == {"running": "created"}
    refused = store.libpod("rm", "running", check=False)
    assert refused.status == 2
    assert f"its process {pid} lives" in refused.stderr
    assert store.process_lives(pid)
    store.libpod("rm", "--force", "running")
    assert not store.process_lives(pid)
    assert store.states() == {}


def test_report_of_a_refusal(make_store: MakeStore) -> None:
    store = make_store()
    store.run("running")
    store.alive.write_text("00000000-0000-4000-8000-000000000000\n")
    result = store.libpod("refresh", "--dry-run", "--format", "json", check=False)
    assert json.loads(result.stdout)["decision"] == "refuse"
