"""`libpod exec`."""

from __future__ import annotations

from libpod.cli import descriptors, selecting
from libpod.cli.grammar import REMAINDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.cli.streams import Wanted
    from libpod.containers.execute import ExecSession


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("-d", "--detach", action="store_true", help="print the session's ID and go")
    parser.add_argument("-i", "--interactive", action="store_true", help="connect our standard input")
    parser.add_argument("-t", "--tty", action="store_true", help="give the command a terminal")
    parser.add_argument(
        "-e", "--env", metavar="NAME=VALUE", action="append", default=[], help="set a variable"
    )
    parser.add_argument("-u", "--user", metavar="USER[:GROUP]", default="", help="run it as this user")
    parser.add_argument("-w", "--workdir", metavar="PATH", default="", help="run it in this directory")
    parser.add_argument("--privileged", action="store_true", help="give it all capabilities")
    parser.add_detach_keys()
    parser.add_argument(
        "--env-file", metavar="FILE", action="append", default=[], help="set the variables of a file"
    )
    descriptors.configure(parser)
    selecting.add_one(parser)
    parser.add_argument("command", metavar="COMMAND", nargs=REMAINDER, help="what to run, and its arguments")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Run the command; the exit status is its own, unless it is detached."""
    from libpod.cli import codes, output, runtimes, streams, terminal, variables
    from libpod.containers.execute import ExecOptions

    descriptors.require(options.preserve_fds)
    selecting.with_command(options, "command")
    size = terminal.size() if options.tty and not options.detach else None
    wanted = ExecOptions(
        command=tuple(options.command),
        environment=tuple(f"{name}={value}" for name, value in variables.given(options).items()),
        working_directory=options.workdir,
        user=options.user,
        terminal=options.tty,
        stdin=options.interactive,
        privileged=options.privileged,
        detach=options.detach,
        terminal_size=size,
        may_be_left=size is not None and options.interactive,
        preserve_descriptors=options.preserve_fds,
    )
    with runtimes.open_runtime(options) as runtime:
        what = streams.wanted(options, runtime.config.detach_keys, stdin=options.interactive)
        session = runtime.container(selecting.one(runtime, options)).execute(wanted)
        if options.detach:
            output.data(session.id)
            return codes.DONE
        with session:
            return _attached(session, options, what)


def _attached(session: ExecSession, options: Namespace, what: Wanted) -> int:
    from libpod.cli import codes, streams, terminal

    assert session.connection is not None
    with terminal.size_followed(session.control_pipe, wanted=options.tty):
        with terminal.raw_mode(wanted=options.tty and what.stdin):
            if not streams.relay(session.connection, what, session.pid):
                session.leave()
                return codes.DONE
        return session.wait() & 0xFF
