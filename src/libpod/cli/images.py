"""`libpod images`, and the verbs that look at images: `history`, `image inspect`, `exists`, `tree`."""

from __future__ import annotations

import gc
import time

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.images.catalog import Catalog
    from libpod.images.listing import Row
    from libpod.images.manager import Images
    from libpod.images.reports import Node, Step

HEADER: Final = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE")
HEADERS: Final = {"ID": "IMAGE ID", "Id": "IMAGE ID", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT"}
"""The columns of templates by Podman's fields, where they are not the fields' names."""
HISTORY_FIELDS: Final = ("ID", "Created", "CreatedBy", "Size", "Comment")
HISTORY_HEADER: Final = ("ID", "CREATED", "CREATED BY", "SIZE", "COMMENT")
SHORT_ID: Final = 12
_LONGEST_STEP: Final = 42


def opened(options: Namespace) -> Images:
    """The images of the store that the flags name, for looking only: no refresh is needed for that."""
    from libpod.cli import stores
    from libpod.images.manager import Images
    from libpod.storage.store import Store

    config = stores.load_config(options)
    store = Store(config.graph_root, config.run_root, config.graph_driver_name, config.graph_driver_options)
    return Images(store, config, warn=output.warning)


# ---------------------------------------------------------------- list


def configure(parser: Grammar) -> None:
    """Add the arguments of `images`."""
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="only this image, or names like it")
    parser.add_argument("-a", "--all", action="store_true", help="show images that only serve others, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    parser.add_argument("--digests", action="store_true", help="show digests")
    parser.add_argument("--history", action="store_true", help="show the names that images have had")
    parser.add_argument("-n", "--noheading", action="store_true", help="print no heading")
    add_filter(parser, "-f", "--filter")
    parser.add_argument(
        "--sort",
        choices=("created", "id", "repository", "size", "tag"),
        default="created",
        help="the column to sort by (created)",
    )
    parser.add_format()
    parser.runs(run)


def add_filter(parser: Grammar, *flags: str) -> None:
    """Add the filters of images under these flags."""
    parser.add_argument(
        *flags,
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="dangling, reference, label, before, since, until, id, containers, intermediate",
    )


def run(options: Namespace) -> int:
    """Print the images."""
    # All that is read is needed to the end, which is near: looking for garbage takes a third of the time.
    gc.disable()
    try:
        return _list(options)
    finally:
        gc.enable()


def _list(options: Namespace) -> int:
    from libpod.images import listing

    catalog = opened(options).catalog()
    filters = [*options.filter, *([f"reference={options.image}"] if options.image else [])]
    found = listing.select(catalog, filters, everything=options.all)
    rows = _sorted(catalog, list(listing.rows(found)), options.sort)
    if options.format:
        described = [listing.describe(catalog, row.image) for row in rows]
        output.formatted(
            options.format,
            described,
            lambda: [_fields(catalog, row, data) for row, data in zip(rows, described, strict=True)],
            HEADERS,
            heading=not options.noheading,
        )
    elif options.quiet:
        identifiers = dict.fromkeys(_id(row.image.id, whole=options.no_trunc) for row in rows)
        if identifiers:
            output.data("\n".join(identifiers))
    else:
        output.data(_table(catalog, rows, options))
    return codes.DONE


def _sorted(catalog: Catalog, rows: list[Row], column: str) -> list[Row]:
    keys = {
        "id": lambda row: row.image.id,
        "repository": lambda row: row.repository,
        "tag": lambda row: row.tag,
        "size": lambda row: catalog.size(row.image),
    }
    return sorted(rows, key=keys[column]) if column in keys else rows


def _id(identifier: str, *, whole: bool) -> str:
    return f"sha256:{identifier}" if whole else identifier[:SHORT_ID]


def _table(catalog: Catalog, rows: Sequence[Row], options: Namespace) -> str:
    header = list(HEADER)
    if options.digests:
        header.insert(2, "DIGEST")
    if options.history:
        header.append("HISTORY")
    lines = [_cells(catalog, row, options) for row in rows]
    text = output.table(header, lines)
    return text.partition("\n")[2] if options.noheading else text


def _cells(catalog: Catalog, row: Row, options: Namespace) -> list[str]:
    from libpod.images import listing
    from libpod.sizes import human_size

    cells = [row.repository, row.tag, *([row.image.digest or "<none>"] if options.digests else [])]
    cells.append(_id(row.image.id, whole=options.no_trunc))
    size = human_size(catalog.size(row.image))
    history = [", ".join(row.image.names_history)] if options.history else []
    return [*cells, _ago(listing.moment(row.image).timestamp()), size, *history]


def _fields(catalog: Catalog, row: Row, described: dict[str, object]) -> dict[str, object]:
    """What a template may use: what JSON has, and Podman's fields for templates."""
    from libpod.images import listing
    from libpod.sizes import human_size

    ago = _ago(listing.moment(row.image).timestamp())
    return {
        **described,
        "ID": row.image.id[:SHORT_ID],
        "Repository": row.repository,
        "Tag": row.tag,
        "Created": ago,
        "CreatedSince": ago,
        "CreatedTime": described["CreatedAt"],
        "History": ", ".join(row.image.names_history),
        "Size": human_size(catalog.size(row.image)),
    }


def _ago(moment: float) -> str:
    from libpod import times

    return f"{times.human_duration(time.time() - moment)} ago" if moment > times.NEVER else "N/A"


# ---------------------------------------------------------------- history


def configure_history(parser: Grammar) -> None:
    """Add the arguments of `history`."""
    _one(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs and commands")
    parser.add_switch("-H", "--human", default=True, help="print times and sizes for people (true)")
    parser.add_format()
    parser.runs(_history)


def _one(parser: Grammar) -> None:
    parser.add_argument("image", metavar="IMAGE", help="a name, an ID, or the unique beginning of an ID")


def _history(options: Namespace) -> int:
    steps = opened(options).history(options.image)
    if options.format:
        output.formatted(
            options.format,
            [_step_as_json(step) for step in steps],
            lambda: [dict(zip(HISTORY_FIELDS, _step_cells(step, options), strict=True)) for step in steps],
            dict(zip(HISTORY_FIELDS, HISTORY_HEADER, strict=True)),
        )
    elif options.quiet:
        output.data("\n".join(step.id if options.no_trunc else step.id[:SHORT_ID] for step in steps))
    else:
        output.data(output.table(HISTORY_HEADER, (_step_cells(step, options) for step in steps)))
    return codes.DONE


def _step_as_json(step: Step) -> dict[str, object]:
    found: dict[str, object] = {"id": step.id, "created": step.created, "CreatedBy": step.created_by}
    found["size"] = step.size
    if step.comment:
        found["comment"] = step.comment
    return {**found, **({"tags": step.names} if step.names else {})}


def _step_cells(step: Step, options: Namespace) -> list[str]:
    from datetime import datetime

    from libpod.sizes import human_size

    try:
        created = _ago(datetime.fromisoformat(step.created).timestamp()) if options.human else step.created
    except ValueError:
        created = step.created or "N/A"
    by = step.created_by
    if not options.no_trunc and len(by) > _LONGEST_STEP + 3:
        by = by[:_LONGEST_STEP] + "..."
    identifier = step.id if options.no_trunc else step.id[:SHORT_ID]
    return [identifier, created, by, human_size(step.size) if options.human else str(step.size), step.comment]


# ---------------------------------------------------------------- inspect, exists, tree


def configure_inspect(parser: Grammar) -> None:
    """Add the arguments of `image inspect`."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a name or an ID")
    parser.add_format("-f")
    parser.runs(_inspect)


def _inspect(options: Namespace) -> int:
    from libpod.cli import inspect

    return inspect.show_each(options.images, opened(options).inspect, options.format)


def configure_exists(parser: Grammar) -> None:
    """Add the arguments of `image exists`."""
    _one(parser)
    parser.runs(_exists)


def _exists(options: Namespace) -> int:
    return codes.DONE if opened(options).exists(options.image) else 1


def configure_tree(parser: Grammar) -> None:
    """Add the arguments of `image tree`."""
    _one(parser)
    parser.add_argument(
        "--whatrequires", action="store_true", help="show all layers that were made on top of its own, too"
    )
    parser.runs(_tree)


def _tree(options: Namespace) -> int:
    from libpod.sizes import human_size

    images = opened(options)
    catalog = images.catalog()
    image = catalog.find(options.image)
    nodes = images.tree(options.image, whole=options.whatrequires)
    size = human_size(catalog.size(image), digits=4, gap="")
    lines = [f"Image ID: {image.id[:SHORT_ID]}", f"Tags:     [{' '.join(image.names)}]", f"Size:     {size}"]
    lines.append("Image Layers" if nodes else "No Image Layers")
    output.data("\n".join([*lines, *_branches(nodes, "")]))
    return codes.DONE


def _branches(nodes: Sequence[Node], indent: str) -> Iterator[str]:
    from libpod.sizes import human_size

    for number, node in enumerate(nodes, 1):
        last = number == len(nodes)
        size = human_size(max(node.layer.size, 0), digits=4, gap="")
        names = f" Top Layer of: [{' '.join(node.names)}]" if node.names else ""
        line = f"ID: {node.layer.id[:SHORT_ID]} Size: {size:>7}{names}"
        yield output.printable(f"{indent}{'└──' if last else '├──'} {line}")
        yield from _branches(node.children, indent + ("    " if last else "│   "))
