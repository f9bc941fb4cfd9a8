"""`libpod version`."""

from __future__ import annotations

from libpod.cli import codes, output
from libpod.cli import options as global_options
from libpod.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar

_PATIENCE = 5.0


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_format("-f")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the versions, or raise InvalidArgument where a program is not there."""
    from libpod.config.runtime import RuntimeConfig
    from libpod.config.sources import collect

    settings = collect(
        global_options.overrides(options), config_file=global_options.config_file(options), create=False
    )
    config = RuntimeConfig.from_settings(settings)
    runtime, conmon = config.find_runtime(), config.find_conmon()
    found = {"libpod": VERSION, "runtime": _version_of(runtime), "conmon": _version_of(conmon)}
    if options.format:
        output.formatted(options.format, found, lambda: [found])
    else:
        output.data(f"libpod   {VERSION}")
        output.data(f"runtime  {found['runtime']} ({runtime})")
        output.data(f"conmon   {found['conmon']} ({conmon})")
    return codes.DONE


def _version_of(program: str) -> str:
    """The first line of what *program* says of itself."""
    from libpod.host import process

    answer = process.run([program, "--version"], timeout=_PATIENCE).stdout
    return answer.decode("utf-8", "replace").partition("\n")[0].strip()
