"""Health checks: whether what runs in a container works, as a command inside tells.

::

    <run directory>/../healthcheck.log   {"Status": …, "FailingStreak": …, "Log": [the last results]}   0700

What to run, and how often, is in the container's configuration in Docker's form, as is what to do with a
container that is unhealthy. A timer of systemd runs `libpod healthcheck run`; its units have the container's
ID as their name. Keys, names and limits are those of Podman 4.3.1 (measured), which goes on with what we have
begun, and the other way round.
"""

from __future__ import annotations

import errno
import os
import signal
import time

from libpod.errors import (
    DecodeError,
    FileError,
    InvalidArgument,
    InvalidState,
    LibpodError,
    OCIRuntimeNotFound,
    OCIRuntimePermissionDenied,
)
from libpod.host import files, jsonutil, proc
from libpod.state.records import RUNNING
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from libpod.containers.container import Container
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
ACTIONS: Final = {"none": 0, "kill": 2, "restart": 3, "stop": 4}
"""What can be done with an unhealthy container, and its number in the configuration."""
NO_ACTION: Final = 0
FILE_NAME: Final = "healthcheck.log"
FILE_MODE: Final = 0o700
DEFAULT_INTERVAL: Final = 30.0
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_RETRIES: Final = 3
MOST_RESULTS: Final = 5
LONGEST_OUTPUT: Final = 500
TIMED_OUT: Final = -1
_VERBS: Final = {number: name for name, number in ACTIONS.items()}
_LARGEST_FILE: Final = 1 << 20
_SECOND: Final = 1_000_000_000


class HealthCheck(NamedTuple):
    """What is run in a container, and how it is judged. Times are in seconds."""

    test: tuple[str, ...]
    """`CMD` and the words of a command, `CMD-SHELL` and a line for /bin/sh, or `NONE`."""
    interval: float = DEFAULT_INTERVAL
    """From the end of one run to the next; 0 for none but those that are asked for."""
    timeout: float = DEFAULT_TIMEOUT
    start_period: float = 0.0
    """For how long after the start a failure does not count."""
    retries: int = DEFAULT_RETRIES
    """How many failures in a row make it unhealthy."""

    def as_config(self) -> dict[str, object]:
        """As it is stored: nanoseconds, and nothing that is zero."""
        times = {"StartPeriod": self.start_period, "Interval": self.interval, "Timeout": self.timeout}
        found: dict[str, object] = {"Test": list(self.test)}
        found |= {name: round(value * _SECOND) for name, value in times.items() if value}
        return found | ({"Retries": self.retries} if self.retries else {})

    def command(self) -> tuple[str, ...]:
        """The words to run; empty for a container that has no health check."""
        first, rest = self.test[0] if self.test else "", self.test[1:]
        if first in ("", "NONE"):
            return ()
        if first == "CMD-SHELL":
            return ("/bin/sh", "-c", " ".join(rest))
        return rest if first == "CMD" else self.test


NOTHING: Final = HealthCheck(("NONE",), 0, 0, 0, 0)
"""For a container that is to have no health check, whatever its image says."""


def decode(config: Mapping[str, object], source: str) -> HealthCheck | None:
    """The health check in a configuration or an image. DecodeError, naming *source*."""
    found = jsonutil.get_object(config, "healthcheck", None, source=source)
    if found is None:
        found = jsonutil.get_object(config, "Healthcheck", None, source=source)
    if found is None:
        return None

    def seconds(key: str) -> float:
        return jsonutil.get_int(found, key, 0, source=source) / _SECOND

    return HealthCheck(
        tuple(jsonutil.get_str_list(found, "Test", [], source=source)),
        seconds("Interval"),
        seconds("Timeout"),
        seconds("StartPeriod"),
        jsonutil.get_int(found, "Retries", 0, source=source),
    )


def of_image(config: Mapping[str, object], source: str) -> HealthCheck | None:
    """That of an image, with the usual times where it names none; None if it has none. DecodeError."""
    found = decode(config, source)
    if found is None:
        return None
    return found._replace(
        interval=found.interval or DEFAULT_INTERVAL, timeout=found.timeout or DEFAULT_TIMEOUT
    )


def settings(check: HealthCheck | None, action: str, image: Mapping[str, object]) -> dict[str, object]:
    """What a new container's configuration says of it: of *check*, else of the *image*'s.

    InvalidArgument for an *action* without anything that could fail.
    """
    check = of_image(image, "image") if check is None else check
    if action != "none" and (check is None or not check.command()):
        raise InvalidArgument(f"there is no health check that could fail, and so no action {action}")
    return {
        "healthcheck": None if check is None else check.as_config(),
        "healthcheck_on_failure_action": ACTIONS[action],
    }


def of_container(record: ContainerRecord) -> HealthCheck | None:
    """That of a container; None if nothing is to be run. DecodeError."""
    found = decode(record.config, record.describe())
    return found if found is not None and found.command() else None


# ---------------------------------------------------------------- results


def path_of(run_directory: str) -> str:
    """Where the results of the container with this run directory are."""
    return os.path.join(os.path.dirname(run_directory), FILE_NAME)


def read(run_directory: str) -> dict[str, object]:
    """The results: Status, FailingStreak, Log; empty ones at first. FileError, DecodeError."""
    path = path_of(run_directory)
    try:
        data = files.read_bytes(path, limit=_LARGEST_FILE)
    except FileError as error:
        if error.errno != errno.ENOENT:
            raise
        return {"Status": "", "FailingStreak": 0, "Log": None}
    found = jsonutil.loads_object(data, path)
    return {
        "Status": jsonutil.get_str(found, "Status", "", source=path),
        "FailingStreak": jsonutil.get_int(found, "FailingStreak", 0, source=path),
        "Log": jsonutil.get_list(found, "Log", None, source=path),
    }


def status(run_directory: str) -> str:
    """STARTING, HEALTHY, UNHEALTHY, or "" where that cannot be told."""
    try:
        return str(read(run_directory)["Status"])
    except (FileError, DecodeError):
        return ""


def judged(
    before: Mapping[str, object], check: HealthCheck, result: Mapping[str, object], *, is_new: bool
) -> dict[str, object]:
    """The results with one more. While the container *is_new*, a failure does not count."""
    streak, log = before["FailingStreak"], before["Log"]
    word, count = before["Status"] or HEALTHY, streak if isinstance(streak, int) else 0
    if result["ExitCode"] == 0:
        word, count = HEALTHY, 0
    elif not is_new:
        count += 1
        if count >= check.retries:
            word = UNHEALTHY
    results = [*(log if isinstance(log, list) else ()), dict(result)]
    return {"Status": word, "FailingStreak": count, "Log": results[-MOST_RESULTS:]}


def _write(record: ContainerRecord, found: Mapping[str, object]) -> None:
    path = path_of(record.run_directory)
    files.write_atomic(path, jsonutil.dumps(found), mode=FILE_MODE, sync=False, sync_dir=False)


# ---------------------------------------------------------------- running it


def run(engine: Engine, container: Container) -> bool:
    """Run the health check of a running container; whether it works.

    What its configuration wants is done with one that is unhealthy now. Raises InvalidArgument for one that
    has no health check, InvalidState for one that does not run.
    """
    record = container.record
    check = of_container(record)
    if check is None:
        raise InvalidArgument(f"container {container.name} has no health check")
    container.require_running("check the health of")
    process = record.pid
    result = _result(container, check)
    with engine.locked(record):
        # One that was stopped meanwhile is not unhealthy, and nothing is to start it again.
        if record.status != RUNNING or record.pid != process or not proc.is_alive(process):
            raise InvalidState(f"container {container.name} ended while its health was checked")
        is_new = time.time() - _started(record) < check.start_period
        found = judged(read(record.run_directory), check, result, is_new=is_new)
        _write(record, found)
    engine.event(record, "health_status", health=str(found["Status"]))
    if found["Status"] == UNHEALTHY:
        _act(engine, container)
    return result["ExitCode"] == 0


def _started(record: ContainerRecord) -> float:
    from libpod.times import parse_time

    text = jsonutil.get_str(record.state, "startedTime", source=record.describe())
    return parse_time(text, source=record.describe(), key="startedTime")


def _result(container: Container, check: HealthCheck) -> dict[str, object]:
    """One run of the command, as it is stored."""
    from libpod.oci.logs import go_time

    begun = time.time_ns()
    try:
        code, output = _execute(container, check)
    except (OCIRuntimeNotFound, OCIRuntimePermissionDenied) as error:
        code, output = 1, error.message
    return {
        "Start": go_time(begun),
        "End": go_time(time.time_ns()),
        "ExitCode": code,
        "Output": output[:LONGEST_OUTPUT],
    }


def _execute(container: Container, check: HealthCheck) -> tuple[int, str]:
    """The exit code, and what was printed. A command that takes too long is killed."""
    from libpod.containers.execute import ExecOptions

    options = ExecOptions(check.command(), is_check=True)
    with container.execute(options) as session:
        data, complete = session.collect(check.timeout, 4 * LONGEST_OUTPUT)
        if not complete:
            return TIMED_OUT, f"health check took longer than {check.timeout:g} seconds"
        code = session.wait()
    return int(code != 0), data.decode("utf-8", "replace")


def _act(engine: Engine, container: Container) -> None:
    record = container.record
    number = jsonutil.get_int(record.config, "healthcheck_on_failure_action", 0, source=record.describe())
    if number == NO_ACTION or number not in _VERBS:
        return
    if os.environ.get("INVOCATION_ID"):
        # This is the unit of the check, which what is to be done takes down, or would not outlive.
        from libpod.containers import healthtimer

        healthtimer.leave_to_systemd(engine, record, _VERBS[number])
        return
    actions: dict[str, Callable[[], None]] = {
        "kill": lambda: container.kill(signal.SIGKILL),
        "restart": container.restart,
        "stop": container.stop,
    }
    actions[_VERBS[number]]()


# ---------------------------------------------------------------- the timer


def begin(engine: Engine, record: ContainerRecord) -> None:
    """Let the checks of a container that was just started begin. What keeps them from that is a warning."""
    try:
        check = of_container(record)
        if check is None:
            return
        _write(record, {"Status": STARTING, "FailingStreak": 0, "Log": None})
        if check.interval:
            from libpod.containers import healthtimer

            healthtimer.start(engine, record, check.interval)
    except LibpodError as error:
        engine.warn(f"the health of container {record.name} is not checked: {error}")


def end(engine: Engine, record: ContainerRecord) -> None:
    """Let them end. What keeps them from that is a warning."""
    try:
        check = of_container(record)
        if check is not None and check.interval:
            from libpod.containers import healthtimer

            healthtimer.stop(engine, record)
    except LibpodError as error:
        engine.warn(f"the health checks of container {record.name} go on: {error}")
