"""Health checks of both programs, on one store. There is no systemd here: see tests/boot for the timers."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.machine import Result
    from tests.lab.stores import MakeStore

SLEEP = ("sleep", "1000")
CHECK = ("--network", "none", "--health-cmd", "test -e /ok", "--health-interval", "disable")


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


def program(store: Store, name: str) -> Any:
    return store.podman if name == "podman" else store.libpod


def health(store: Store, reader: str, name: str = "web") -> Any:
    return json.loads(program(store, reader)("inspect", name).stdout)[0]["State"]["Health"]


def check(store: Store, runner: str, name: str = "web") -> Result:
    result: Result = program(store, runner)("healthcheck", "run", name, check=False)
    return result


@pytest.mark.parametrize("reader", ["libpod", "podman"])
@pytest.mark.parametrize("maker", ["libpod", "podman"])
def test_results_are_continued(store: Store, maker: str, reader: str) -> None:
    program(store, maker)("run", "-d", "--name", "web", *CHECK, "--health-retries", "3", IMAGE, *SLEEP)
    assert health(store, reader) == {"Status": "starting", "FailingStreak": 0, "Log": None}
    assert "(starting)" in program(store, reader)("ps").stdout
    for runner, word in (("libpod", "starting"), ("podman", "starting"), (reader, "unhealthy")):
        failed = check(store, runner)
        assert (failed.status, failed.stdout) == (1, "unhealthy\n")
        assert health(store, reader)["Status"] == word
    found = health(store, reader)
    assert (found["FailingStreak"], [entry["ExitCode"] for entry in found["Log"]]) == (3, [1, 1, 1])
    assert program(store, reader)("ps", "-q", "--filter", "health=unhealthy").stdout != ""
    store.libpod("exec", "web", "touch", "/ok")
    worked = check(store, maker)
    assert (worked.status, worked.stdout) == (0, "")
    assert health(store, "podman") == health(store, "libpod")
    assert health(store, reader)["Status"] == "healthy"
    assert "(healthy)" in program(store, reader)("ps").stdout
    store.libpod("rm", "-f", "-t", "0", "web")


def test_a_container_of_podman_starts_with_its_check(store: Store) -> None:
    store.podman("create", "--name", "web", *CHECK, IMAGE, *SLEEP)
    store.libpod("start", "web")
    assert health(store, "podman")["Status"] == "starting"
    store.libpod("exec", "web", "touch", "/ok")
    assert check(store, "podman").status == 0
    # It begins anew with every start.
    store.libpod("restart", "-t", "0", "web")
    assert health(store, "libpod") == {"Status": "starting", "FailingStreak": 0, "Log": None}
    store.libpod("rm", "-f", "-t", "0", "web")


def test_what_a_check_prints_and_how_long_it_takes(store: Store) -> None:
    script = "echo out; echo err >&2; sleep 100"
    flags = ("--health-timeout", "1s", "--health-retries", "1")
    store.libpod("run", "-d", "--name", "slow", *CHECK[:2], "--health-cmd", script, *flags, IMAGE, *SLEEP)
    assert check(store, "libpod", "slow").status == 1
    (result,) = health(store, "libpod", "slow")["Log"]
    assert (result["ExitCode"], result["Output"]) == (-1, "health check took longer than 1 seconds")
    inside = store.libpod("exec", "slow", "ps").stdout
    assert "sleep 100\n" not in inside
    long = "i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done"
    store.libpod("run", "-d", "--name", "long", *CHECK[:2], "--health-cmd", long, IMAGE, *SLEEP)
    assert check(store, "libpod", "long").status == 0
    (result,) = health(store, "libpod", "long")["Log"]
    assert (result["ExitCode"], len(result["Output"])) == (0, 500)
    store.libpod("rm", "-f", "-t", "0", "slow", "long")


def test_failures_at_first_do_not_count(store: Store) -> None:
    flags = ("--health-start-period", "1h", "--health-retries", "1")
    store.libpod("run", "-d", "--name", "web", *CHECK, *flags, IMAGE, *SLEEP)
    for runner in ("libpod", "podman"):
        assert check(store, runner).status == 1
        assert health(store, "libpod")["Status"] == "starting"
    store.libpod("rm", "-f", "-t", "0", "web")


@pytest.mark.parametrize(
    ("action", "state"), [("kill", "exited"), ("stop", "exited"), ("restart", "running")]
)
def test_what_is_done_with_an_unhealthy_one(store: Store, action: str, state: str) -> None:
    flags = ("--health-on-failure", action, "--health-retries", "1", "--stop-timeout", "0")
    store.libpod("run", "-d", "--name", "web", *CHECK, *flags, IMAGE, *SLEEP)
    before = json.loads(store.libpod("inspect", "web").stdout)[0]["State"]["Pid"]
    assert check(store, "libpod").status == 1
    deadline = time.monotonic() + 30
    while store.states()["web"] != state and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.states() == {"web": state}
    after = json.loads(store.libpod("inspect", "web").stdout)[0]["State"]
    assert after["Pid"] != before
    if action == "restart":
        assert after["Health"]["Status"] == "starting"
    store.libpod("rm", "-f", "-t", "0", "web")


def test_a_container_that_is_stopped_while_it_is_checked_stays_stopped(store: Store) -> None:
    slow = ("--health-cmd", "touch /begun; sleep 100", "--health-timeout", "5m")
    flags = (*slow, "--health-retries", "1", "--health-on-failure", "restart")
    store.libpod("run", "-d", "--name", "web", "--network", "none", *flags, IMAGE, *SLEEP)
    command = store.libpod_command("healthcheck", "run", "web")
    running = store.machine.start(command, environment=store.libpod_environment)
    deadline = time.monotonic() + 60
    while store.libpod("exec", "web", "test", "-e", "/begun", check=False).status != 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    store.libpod("stop", "-t", "0", "web")
    _out, said = running.communicate(timeout=60)
    assert running.returncode == 125
    assert "container web ended while its health was checked" in said
    assert store.states() == {"web": "exited"}
    assert health(store, "libpod")["Log"] is None
    store.libpod("rm", "web")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", "container plain has no health check"),
        ("nobody", "no such container: nobody"),
        ("stopped", "container stopped is created"),
    ],
)
def test_what_cannot_be_checked(store: Store, name: str, words: str) -> None:
    store.libpod("run", "-d", "--name", "plain", "--network", "none", IMAGE, *SLEEP)
    store.libpod("create", "--name", "stopped", *CHECK, IMAGE, *SLEEP)
    refused = check(store, "libpod", name)
    assert refused.status == 125
    assert words in refused.stderr
    store.libpod("rm", "-f", "-t", "0", "plain", "stopped")


def test_that_nothing_runs_it_is_said(store: Store) -> None:
    started = store.libpod("run", "-d", "--name", "web", *CHECK[:4], IMAGE, *SLEEP)
    assert "the health of container web is not checked: systemd does not run here" in started.stderr
    store.libpod("rm", "-f", "-t", "0", "web")


@pytest.mark.parametrize(
    "options",
    [
        ("--health-cmd", "test -e /ok"),
        ("--health-cmd", '["test","-e","/ok"]', "--health-interval", "5s", "--health-start-period", "1m"),
        ("--health-cmd", "CMD true", "--health-timeout", "2s", "--health-retries", "9"),
        ("--health-cmd", "x", "--health-interval", "0", "--health-on-failure", "restart"),
        ("--health-interval", "5s"),
    ],
)
def test_both_store_the_same(store: Store, options: tuple[str, ...]) -> None:
    found = []
    for maker in ("podman", "libpod"):
        program(store, maker)("create", "--name", maker, "--network", "none", *options, IMAGE, "true")
        config = store.inspect(maker)["Config"]
        found.append((config.get("Healthcheck"), config["HealthcheckOnFailureAction"]))
    assert found[0] == found[1]
    store.libpod("rm", "podman", "libpod")


def with_health_check(archive: bytes, check: dict[str, object]) -> bytes:
    """The docker-archive of an image with another health check."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            stream = old.extractfile(member)
            data = stream.read() if stream is not None else b""
            if member.name.endswith(".json") and member.name != "manifest.json":
                config = json.loads(data)
                config["config"]["Healthcheck"] = check
                data = json.dumps(config).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return out.getvalue()


@pytest.mark.parametrize(
    "check",
    [
        {"Test": ["CMD-SHELL", "test -e /ok"]},
        {"Test": ["CMD", "true"], "Interval": 5 * 10**9, "Retries": 2},
        {"Test": ["NONE"]},
    ],
)
def test_the_check_of_an_image(store: Store, check: dict[str, object]) -> None:
    store.podman("save", "--quiet", "--format", "docker-archive", "-o", "/srv/old.tar", IMAGE)
    store.path("/srv/new.tar").write_bytes(with_health_check(store.path("/srv/old.tar").read_bytes(), check))
    store.podman("rmi", IMAGE)
    store.podman("load", "--quiet", "-i", "/srv/new.tar")
    found = []
    for maker in ("podman", "libpod"):
        program(store, maker)("create", "--name", maker, "--network", "none", IMAGE, "true")
        found.append(store.inspect(maker)["Config"].get("Healthcheck"))
    assert found[0] == found[1]
    store.libpod("create", "--name", "without", "--no-healthcheck", IMAGE, "true")
    assert store.inspect("without")["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    store.libpod("rm", "podman", "libpod", "without")
