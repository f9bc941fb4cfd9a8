"""Podman 4.3 and our program drive each other's containers, on one store, at the same time."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.containers import Room
from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.machine import Result
    from tests.lab.stores import MakeStore


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


def ours(store: Store, name: str, *options: str, command: tuple[str, ...] = ("sleep", "1000")) -> str:
    """Start a container of ours in the background and return its ID."""
    return store.libpod("run", "-d", "--name", name, *options, IMAGE, *command).stdout.strip()


def states(result: Result) -> dict[str, str]:
    return {row["Names"][0]: row["State"] for row in json.loads(result.stdout)}


def views(store: Store) -> tuple[dict[str, str], dict[str, str]]:
    """What both programs say of every container's state."""
    return store.states(), states(store.libpod("ps", "-a", "--format", "json"))


def mounts_below(store: Store) -> list[str]:
    table = store.machine.run(["cat", "/proc/self/mountinfo"]).stdout.splitlines()
    return [line for line in table if f" {store.root}/" in line or f" {store.run_root}/" in line]


def assert_nothing_left(store: Store) -> None:
    """No container, layer beside the image's, mount or lock."""
    assert views(store) == ({}, {})
    assert store.podman("ps", "-aq", "--external").stdout == ""
    assert mounts_below(store) == []
    assert store.allocated_locks() == set()
    layers = json.loads(store.path(f"{store.root}/overlay-layers/layers.json").read_text())
    assert len(layers) == 1


def test_podman_drives_our_container(store: Store) -> None:
    identifier = ours(store, "web", "-e", "COLOUR=green")
    assert store.states() == {"web": "running"}
    assert store.podman("exec", "web", "sh", "-c", "echo $COLOUR").stdout == "green\n"
    assert store.inspect("web")["Id"] == identifier
    store.podman("pause", "web")
    assert views(store) == ({"web": "paused"}, {"web": "paused"})
    store.podman("unpause", "web")
    store.podman("kill", "web")
    store.podman("wait", "web")
    assert views(store) == ({"web": "exited"}, {"web": "exited"})
    store.podman("start", "web")
    assert views(store) == ({"web": "running"}, {"web": "running"})
    store.podman("rm", "-f", "-t", "0", "web")
    assert_nothing_left(store)


def test_we_drive_podmans_container(store: Store) -> None:
    identifier = store.run("web", "-e", "COLOUR=red")
    assert states(store.libpod("ps", "--format", "json")) == {"web": "running"}
    assert store.libpod("exec", "web", "sh", "-c", "echo $COLOUR; exit 5", check=False).stdout == "red\n"
    assert json.loads(store.libpod("inspect", "web").stdout)[0]["Id"] == identifier
    store.libpod("pause", "web")
    assert views(store) == ({"web": "paused"}, {"web": "paused"})
    store.libpod("unpause", "web")
    store.libpod("stop", "-t", "0", "web")
    assert views(store) == ({"web": "exited"}, {"web": "exited"})
    store.libpod("start", "web")
    assert views(store) == ({"web": "running"}, {"web": "running"})
    store.libpod("rm", "-f", "-t", "0", "web")
    assert_nothing_left(store)


@pytest.mark.parametrize("status", [0, 7])
def test_podman_starts_what_we_created_and_we_read_its_end(store: Store, status: int) -> None:
    store.libpod("create", "--name", "job", IMAGE, "sh", "-c", f"echo done; exit {status}")
    assert views(store) == ({"job": "created"}, {"job": "created"})
    store.podman("start", "job")
    assert store.libpod("wait", "job").stdout == f"{status}\n"
    assert store.libpod("logs", "job").stdout == "done\n"
    assert store.podman("logs", "job").stdout == "done\n"
    assert store.inspect("job")["State"]["ExitCode"] == status
    store.podman("rm", "job")
    assert_nothing_left(store)


def test_we_start_what_podman_created_and_it_reads_its_end(store: Store) -> None:
    store.create("job", command=("sh", "-c", "echo done; exit 9"))
    store.libpod("start", "job")
    assert store.podman("wait", "job").stdout == "9\n"
    assert store.podman("logs", "job").stdout == "done\n"
    assert views(store) == ({"job": "exited"}, {"job": "exited"})
    store.libpod("rm", "job")
    assert_nothing_left(store)


@pytest.mark.parametrize("creator", ["libpod", "podman"])
@pytest.mark.parametrize("starter", ["libpod", "podman"])
def test_a_restart_policy_holds_whoever_starts_it(store: Store, creator: str, starter: str) -> None:
    programs = {"libpod": store.libpod, "podman": store.podman}
    options = ("--name", "again", "--restart", "on-failure:2", "--network", "none")
    programs[creator]("create", *options, IMAGE, "sh", "-c", "echo run; exit 3")
    programs[starter]("start", "again")

    def counts() -> set[tuple[int, str]]:
        found = [json.loads(program("inspect", "again").stdout)[0] for program in programs.values()]
        return {(entry["RestartCount"], entry["State"]["Status"]) for entry in found}

    assert Room.settled(lambda: counts() == {(2, "exited")}), counts()
    for program in programs.values():
        assert program("logs", "again").stdout == "run\n" * 3
    assert store.inspect("again")["HostConfig"]["RestartPolicy"] == {
        "Name": "on-failure",
        "MaximumRetryCount": 2,
    }
    store.libpod("rm", "again")
    assert_nothing_left(store)


def test_what_podman_shows_of_ours_is_what_was_asked_for(store: Store) -> None:
    ours(
        store, "web", "--hostname", "box", "--label", "a=b", "--user", "0:0", "-w", "/data",
        "--memory", "64m", "--cap-drop", "KILL", "--stop-signal", "INT", "--annotation", "x=y", "--read-only",
    )  # fmt: skip
    found: dict[str, Any] = store.inspect("web")
    config, host = found["Config"], found["HostConfig"]
    assert config["Hostname"] == "box"
    assert config["Labels"] == {"a": "b"}
    assert config["WorkingDir"] == "/data"
    assert config["StopSignal"] == 2
    assert config["Annotations"]["x"] == "y"
    assert host["Memory"] == 64 << 20
    assert host["ReadonlyRootfs"] is True
    assert "CAP_KILL" not in found["EffectiveCaps"]
    assert found["ImageName"] == IMAGE
    store.podman("rm", "-f", "-t", "0", "web")


def test_a_name_belongs_to_one_program_at_a_time(store: Store) -> None:
    ours(store, "web")
    refused = store.podman("create", "--name", "web", IMAGE, "true", check=False)
    assert refused.status == 125
    assert "web" in refused.stderr
    store.create("job")
    refused = store.libpod("create", "--name", "job", IMAGE, "true", check=False)
    assert refused.status == 125
    assert "in use" in refused.stderr
    store.libpod("rm", "-f", "-t", "0", "web", "job")
    assert_nothing_left(store)


def test_namespaces_are_joined_across_programs(store: Store) -> None:
    ours(store, "base")
    store.podman("run", "-d", "--name", "theirs", "--network", "container:base", IMAGE, "sleep", "1000")
    store.libpod("run", "-d", "--name", "mine", "--pid", "container:theirs", IMAGE, "sleep", "1000")
    net = [
        store.podman("exec", name, "ls", "-l", "/proc/self/ns/net").stdout.split()[-1]
        for name in ("base", "theirs")
    ]
    assert net[0] == net[1]
    refused = store.libpod("rm", "-f", "-t", "0", "base", check=False)
    assert refused.status == 125
    assert "needed by" in refused.stderr
    for name in ("mine", "theirs", "base"):
        store.libpod("rm", "-f", "-t", "0", name)
    assert_nothing_left(store)


def test_locks_are_handed_out_once(store: Store) -> None:
    for number in range(3):
        store.libpod("create", "--name", f"ours{number}", IMAGE, "true")
        store.create(f"theirs{number}")
    assert len(store.allocated_locks()) == 6
    store.libpod("rm", "ours1")
    store.podman("rm", "theirs1")
    assert len(store.allocated_locks()) == 4
    store.create("next")
    store.libpod("create", "--name", "last", IMAGE, "true")
    assert len(store.allocated_locks()) == 6
    store.libpod("rm", "--all")
    assert_nothing_left(store)


def test_a_reboot_between_us(store: Store) -> None:
    ours(store, "web")
    store.run("theirs")
    store.reboot()
    report = store.refresh()
    assert report["containers"]["reset"] == 2
    assert views(store) == ({"web": "exited", "theirs": "exited"},) * 2
    store.podman("start", "web")
    store.libpod("start", "theirs")
    assert views(store) == ({"web": "running", "theirs": "running"},) * 2
    store.libpod("rm", "-f", "-t", "0", "web", "theirs")
    assert_nothing_left(store)


def test_what_we_cannot_set_up_is_not_started_without_it(store: Store) -> None:
    store.path("/srv/tree").mkdir()
    store.podman("create", "--name", "theirs", "--network", "none", "--rootfs", "/srv/tree:O", "true")
    refused = store.libpod("start", "theirs", check=False)
    assert refused.status == 125
    assert "an overlay over its root directory" in refused.stderr
    assert "hint: start it with `podman start theirs`" in refused.stderr
    assert views(store) == ({"theirs": "created"}, {"theirs": "created"})
    store.podman("rm", "theirs")


@pytest.mark.parametrize(
    "options",
    [
        ("-v", "data:/data:nonsense"),
        ("--security-opt", "label=type:x"),
        ("--security-opt", "apparmor=x"),
        ("--network", "nowhere"),
        ("--network", "none", "--publish", "80:80"),
    ],
)
def test_what_is_not_supported_is_refused_and_leaves_nothing(store: Store, options: tuple[str, ...]) -> None:
    refused = store.libpod("run", "--name", "web", *options, IMAGE, "true", check=False)
    assert refused.status == 125
    assert "Error: " in refused.stderr
    assert_nothing_left(store)


def test_two_loops_creating_and_removing_lose_nothing(store: Store) -> None:
    """A hundred containers of each program, made and removed at the same time."""
    count = 100
    errors: list[str] = []

    def loop(run: Any, prefix: str) -> None:
        script = (
            f"i=0; while [ $i -lt {count} ]; do"
            f' "$@" create --name {prefix}$i {{net}} {IMAGE} true >/dev/null || exit 1;'
            f' [ $((i % 5)) = 0 ] || "$@" rm {prefix}$i >/dev/null || exit 2;'
            " i=$((i + 1)); done"
        ).replace("{net}", "--network none")
        result = store.machine.run(
            ["sh", "-c", script, "sh", *run], check=False, environment=store.libpod_environment, timeout=600
        )
        if result.status != 0 or result.stderr:
            errors.append(f"{prefix}: {result.status}: {result.stderr}")

    threads = [
        threading.Thread(target=loop, args=(["podman", *store.options], "theirs")),
        threading.Thread(target=loop, args=(store.libpod_command(), "ours")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    theirs, mine = views(store)
    assert theirs == mine
    assert len(mine) == 2 * count // 5
    assert len(store.allocated_locks()) == len(mine)
    store.libpod("rm", "--all")
    assert_nothing_left(store)
