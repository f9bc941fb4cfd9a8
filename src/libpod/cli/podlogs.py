"""`libpod pod logs`."""

from __future__ import annotations

from libpod.cli import codes, podlife
from libpod.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container
    from libpod.containers.pod import Pod


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    from libpod.cli import logs

    logs.add_selection(parser)
    parser.add_argument("-n", "--names", action="store_true", help="put names before the lines, not IDs")
    parser.add_argument("-c", "--container", metavar="CONTAINER", help="only the output of this container")
    podlife.add_pod(parser)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the output of all containers, with the container before each line."""
    from libpod.cli import logs, runtimes

    selection = logs.selection(options)
    with runtimes.open_runtime(options) as runtime:
        containers = _containers(runtime.pod(podlife.chosen_one(runtime, options)), options.container)
        try:
            logs.write_several(containers, selection, options)
        except BrokenPipeError:
            # The reader has seen enough.
            return codes.DONE
    return codes.DONE


def _containers(pod: Pod, name: str | None) -> list[Container]:
    """Those that have output, or the one that was asked for."""
    members = [container for container in pod.containers() if container.id != pod.infra_id]
    if name is None:
        return members
    found = [container for container in members if name == container.name or container.id.startswith(name)]
    if len(found) != 1:
        raise NoSuchContainer(name, f"pod {pod.name} has no container {name}")
    return found
