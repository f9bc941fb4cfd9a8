"""The timer that runs the health checks of a container: transient units `<ID>.timer` and `<ID>.service`.

Podman 4.3 makes and removes units of these names, too (systemd-run(1), systemd.timer(5)).
"""

from __future__ import annotations

import os

from libpod.containers.engine import PASSED_VARIABLES
from libpod.errors import NotSupported
from libpod.host import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

SECONDS = 30.0
"""How long systemd may take."""
_RUNNING = "/run/systemd/system"
_VARIABLES = ("PATH", "XDG_RUNTIME_DIR", *PASSED_VARIABLES)


def start(engine: Engine, record: ContainerRecord, interval: float) -> None:
    """Run the first check now, and each next one *interval* seconds after the end of the one before.

    NotSupported without systemd, or without a program to run; CommandError if systemd refuses.
    """
    if not os.path.isdir(_RUNNING):
        raise NotSupported("systemd does not run here", hint=f"libpod healthcheck run {record.name}")
    if not engine.exit_command:
        raise NotSupported("there is no program to run", hint=f"libpod healthcheck run {record.name}")
    stop(engine, record)
    words = ["--unit", record.id, f"--on-unit-inactive={interval:g}s", "--timer-property=AccuracySec=1s"]
    words += ["--description", f"Health check of container {record.name}"]
    _transient(engine, *words, "--", *engine.exit_command, "healthcheck", "run", record.id)
    _run(engine, "systemctl", "start", "--no-block", f"{record.id}.service")


def stop(engine: Engine, record: ContainerRecord) -> None:
    """Run no more checks, and end one that runs. CommandError."""
    if not os.path.isdir(_RUNNING):
        return
    _run(engine, "systemctl", "stop", f"{record.id}.timer", f"{record.id}.service", known=False)
    _run(engine, "systemctl", "reset-failed", f"{record.id}.service", known=False)


def leave_to_systemd(engine: Engine, record: ContainerRecord, verb: str) -> None:
    """Let a unit of its own do *verb* with the container. CommandError."""
    # What is started in it, conmon above all, stays when the unit ends, and is no service.
    words = ["--no-block", "--collect", "--property=KillMode=process"]
    words += ["--property=UnsetEnvironment=INVOCATION_ID"]
    words += ["--description", f"{verb} of unhealthy container {record.name}"]
    _transient(engine, *words, "--", *engine.exit_command, verb, record.id)


def _transient(engine: Engine, *words: str) -> None:
    settings = [f"--setenv={name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    _run(engine, "systemd-run", "--quiet", *settings, *words)


def _run(engine: Engine, program: str, *arguments: str, known: bool = True) -> None:
    """Run a program of systemd. Without *known* the unit need not be there."""
    whose = ["--user"] if engine.config.rootless else []
    command = [program, *whose, *arguments]
    completed = process.run(command, timeout=SECONDS, check=False)
    if completed.status == 0 or (not known and b" not loaded" in completed.stderr):
        return
    raise process.failure(command, completed)
