"""`libpod healthcheck run`, and the flags that say what a container's health check is."""

from __future__ import annotations

from libpod.cli import codes
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.health import HealthCheck

FLAGS: Final = (
    ("--health-cmd", "COMMAND", "a line for /bin/sh, or a JSON list of words, or none for no health check"),
    (
        "--health-interval",
        "TIME",
        "how long after the end of a check the next one is (30s); disable for no timer",
    ),
    ("--health-timeout", "TIME", "how long it may take (30s)"),
    ("--health-start-period", "TIME", "for how long after the start failures do not count (0s)"),
    ("--health-retries", "NUMBER", "how many failures in a row make the container unhealthy (3)"),
    ("--health-on-failure", "ACTION", "what to do with an unhealthy one: none, kill, restart or stop"),
)


def configure(parser: Grammar) -> None:
    """Add the verb below this noun."""
    run_it = parser.add_verbs((("run", "Run the health check of a container."),))["run"]
    run_it.add_argument(
        "container", metavar="CONTAINER", help="a name, an ID, or the unique beginning of an ID"
    )
    run_it.runs(run)


def run(options: Namespace) -> int:
    """Run the check; one that fails is told by the exit status, and by a word."""
    from libpod.cli import output, runtimes
    from libpod.containers import health

    with runtimes.open_runtime(options) as runtime:
        if health.run(runtime.engine, runtime.container(options.container)):
            return codes.DONE
    output.data(health.UNHEALTHY)
    return codes.UNHEALTHY


def wanted(options: Namespace) -> HealthCheck | None:
    """What the flags ask for; None for what the image has. InvalidArgument, naming the flag."""
    from libpod.containers import health

    if options.no_healthcheck:
        if options.health_cmd is not None:
            raise InvalidArgument("--no-healthcheck and --health-cmd exclude each other")
        return health.NOTHING
    if not options.health_cmd:
        return None
    test = _test(options.health_cmd)
    if test == health.NOTHING.test:
        return health.NOTHING
    interval = "0" if options.health_interval == "disable" else options.health_interval
    return health.HealthCheck(
        test,
        _seconds("--health-interval", interval, health.DEFAULT_INTERVAL),
        _timeout(_seconds("--health-timeout", options.health_timeout, health.DEFAULT_TIMEOUT)),
        _seconds("--health-start-period", options.health_start_period, 0.0),
        _retries(options.health_retries, health.DEFAULT_RETRIES),
    )


def action(options: Namespace) -> str:
    """What is to be done with an unhealthy container. InvalidArgument."""
    from libpod.containers.health import ACTIONS

    found: str = options.health_on_failure or "none"
    if found not in ACTIONS:
        raise InvalidArgument(f"--health-on-failure {found!r}: one of {', '.join(ACTIONS)}")
    return found


def _test(text: str) -> tuple[str, ...]:
    """The test that Podman makes of it: a list is taken as words, a text as a line for the shell."""
    from libpod.errors import DecodeError
    from libpod.host import jsonutil

    words = [text]
    if text.startswith("["):
        try:
            found = jsonutil.loads(text.encode(), "--health-cmd")
        except DecodeError:
            found = None
        if isinstance(found, list) and found and all(isinstance(word, str) for word in found):
            words = [str(word) for word in found]
    elif text.split(" ", 1)[0].upper() in ("CMD", "NONE"):
        words = text.split()
    first = words[0].upper()
    if first in ("CMD", "CMD-SHELL", "NONE"):
        return (first, *words[1:])
    return ("CMD", *words) if len(words) > 1 else ("CMD-SHELL", *words)


def _seconds(flag: str, text: str | None, usual: float) -> float:
    from libpod import times

    if text is None:
        return usual
    if text in ("0", "0s"):
        return 0.0
    try:
        return times.interval(text)
    except InvalidArgument as error:
        raise InvalidArgument(f"{flag} {error.message}", hint=error.hint) from error


def _timeout(seconds: float) -> float:
    if not seconds:
        raise InvalidArgument("--health-timeout must be longer than that")
    return seconds


def _retries(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise InvalidArgument(f"--health-retries {text!r} is not a number of at least 1")
    return int(text)
