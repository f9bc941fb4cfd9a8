"""`libpod completion`."""

from __future__ import annotations

from libpod.cli import codes, output
from libpod.errors import NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.cli.parser import Parser

SHELLS: Final = ("bash", "zsh", "fish")


def configure(parser: Parser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to read the script")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the script. Raises NotSupported where shtab is missing or does not know the shell."""
    try:
        import shtab
    except ImportError as error:
        raise NotSupported(
            "completion scripts are made by shtab, which is not installed",
            hint="install the package python3-shtab (Debian) or shtab (PyPI)",
        ) from error
    if options.shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise NotSupported(
            f"shtab {shtab.__version__} makes no scripts for {options.shell}, only for {known}"
        )
    from libpod.cli.main import make_parser

    output.data(shtab.complete(make_parser(), shell=options.shell).rstrip("\n"))
    return codes.DONE
