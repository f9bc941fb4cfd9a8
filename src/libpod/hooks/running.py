"""Running the hooks of the stages that are ours."""

from __future__ import annotations

from libpod.errors import CommandError, DecodeError, LibpodError
from libpod.hooks.hook import Command
from libpod.host import jsonutil, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Object = dict[str, object]

DEFAULT_SECONDS = 120.0
"""For a hook that has no time limit of its own: it must not keep a container from starting or from ending."""


def run(command: Command, data: bytes) -> bytes:
    """Run a hook with *data* as its standard input; what it prints.

    Nothing of our own environment is passed on. Raises CommandError, CommandNotFound and CommandTimeout,
    which kills it.
    """
    timeout = float(command.timeout) if command.timeout else DEFAULT_SECONDS
    done = process.run(
        list(command.arguments) or [command.path],
        executable=command.path,
        timeout=timeout,
        input=data,
        environment=dict(entry.partition("=")[::2] for entry in command.environment),
        clean=True,
    )
    return done.stdout


def filter_specification(hooks: Sequence[Mapping[str, object]], specification: Object) -> Object:
    """Give the specification to each hook of the stage `precreate` in turn; each prints the one to use.

    Raises CommandError for a hook that fails, and DecodeError for one that prints something else.
    """
    for number, value in enumerate(hooks):
        command = Command.from_object(value, "hook")
        try:
            output = run(command, jsonutil.dumps(specification))
        except CommandError as error:
            error.message = f"precreate hook {number} ({command.path}): {error.message}"
            error.args = (error.message,)
            raise
        source = f"output of precreate hook {number} ({command.path})"
        specification = jsonutil.loads_object(output, source)
        if not isinstance(specification.get("ociVersion"), str):
            raise DecodeError(f"{source}: it is no OCI specification", source=source)
    return specification


def run_all(
    hooks: Sequence[Mapping[str, object]], state: Mapping[str, object], warn: Callable[[str], None]
) -> None:
    """Run the hooks of the stage `poststop` with the OCI state of the container. Failures are warnings."""
    for number, value in enumerate(hooks):
        try:
            run(Command.from_object(value, "hook"), jsonutil.dumps(state))
        except LibpodError as error:
            warn(f"poststop hook {number}: {error.message}")
