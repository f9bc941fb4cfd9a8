"""`libpod top`."""

from __future__ import annotations

from libpod.cli import codes, output, selecting
from libpod.cli.grammar import REMAINDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    selecting.add_one(parser)
    parser.add_argument(
        "columns",
        metavar="COLUMN",
        nargs=REMAINDER,
        help="user, pid, ppid, args, … as podman-top(1) has them; or options of the container's own ps",
    )
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the processes of a running container."""
    from libpod.cli import runtimes

    selecting.with_command(options, "columns")
    with runtimes.open_runtime(options) as runtime:
        container = runtime.container(selecting.one(runtime, options))
        if any(word.startswith("-") for word in options.columns):
            return _inner_ps(container, options.columns)
        container.require_running("list the processes of")
        output.data(table(container, [name for word in options.columns for name in word.split(",")]))
    return codes.DONE


def table(container: Container, names: Sequence[str]) -> str:
    """The processes with these columns, or the usual ones."""
    from libpod.containers import processes

    columns = processes.Columns(container.record, names or processes.DEFAULT)
    found = processes.of_container(container.record)
    return output.table(columns.header(), [columns.row(process) for process in found])


def _inner_ps(container: Container, words: Sequence[str]) -> int:
    """The ps of the image, for options that only it understands."""
    from libpod.containers.execute import ExecOptions
    from libpod.host import files

    with container.execute(ExecOptions(("ps", *words))) as session:
        assert session.connection is not None
        for piece in session.connection.outputs():
            files.write_all(piece.stream, piece.data)
        return session.wait() & 0xFF
