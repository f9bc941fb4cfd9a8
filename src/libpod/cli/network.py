"""`libpod network ls`, `inspect` and `exists`."""

from __future__ import annotations

from libpod.cli import codes, output, ps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.network.conflist import Networks

HEADER: Final = ("NETWORK ID", "NAME", "DRIVER")
HEADERS: Final = {"ID": "NETWORK ID"}


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    verbs = parser.add_verbs(
        (("ls", "List networks. The first is the default one, unless another is configured."),
         ("inspect", "Show everything about networks."),
         ("exists", "Tell by the exit status whether a network exists."))
    )  # fmt: skip
    listed, inspected = verbs["ls"], verbs["inspect"]
    listed.add_argument("-q", "--quiet", action="store_true", help="print names only")
    listed.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    listed.add_format()
    listed.runs(run_ls)
    inspected.add_argument(
        "names", metavar="NETWORK", nargs="+", help="a name, or the unique beginning of an ID"
    )
    inspected.add_format("-f")
    inspected.runs(run_inspect)
    verbs["exists"].add_argument("network", metavar="NETWORK", help="a name, or an ID")
    verbs["exists"].runs(run_exists)


def _networks(options: Namespace) -> Networks:
    """The networks of the configuration that the global flags name; the store is not needed for them."""
    from libpod.cli import options as global_options
    from libpod.cli import stores
    from libpod.config.runtime import RuntimeConfig
    from libpod.network.conflist import Networks

    config = RuntimeConfig.from_settings(stores.collect(options, create=False))
    warn = output.warning if global_options.wants_warnings(options) else _silent
    return Networks(config.cni_config_dirs, default_name=config.default_network, warn=warn)


def _silent(_text: str) -> None:
    return


def run_ls(options: Namespace) -> int:
    """Print the networks."""
    from libpod.network import describe

    found = _networks(options).all()
    if options.format:
        described = [describe.describe(network) for network in found]
        output.formatted(options.format, described, lambda: described, HEADERS)
    elif options.quiet:
        output.data("\n".join(network.name for network in found))
    else:
        rows = (
            (ps.short(network.id, whole=options.no_trunc), network.name, str(network.plugins[0]["type"]))
            for network in found
        )
        output.data(output.table(HEADER, rows))
    return codes.DONE


def run_inspect(options: Namespace) -> int:
    """Print a list with each network; those that are found, before the error for the first that is not."""
    from libpod.cli import inspect
    from libpod.network import describe

    networks = _networks(options)
    return inspect.show_each(
        options.names, lambda name: describe.describe(networks.find(name)), options.format
    )


def run_exists(options: Namespace) -> int:
    """Status 0 where there is such a network, and 1 where there is none."""
    from libpod.errors import NoSuchNetwork

    try:
        _networks(options).find(options.network)
    except NoSuchNetwork:
        return codes.MISSING
    return codes.DONE
