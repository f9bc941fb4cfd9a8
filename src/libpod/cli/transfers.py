"""`libpod pull`, `push`, `save`, `load` and `import`."""

from __future__ import annotations

import contextlib
import os
import sys

from libpod.cli import codes, output
from libpod.errors import InvalidArgument, LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import NoReturn

    from libpod.cli.grammar import Grammar
    from libpod.containers.create import CreateOptions
    from libpod.images.transport import Options
    from libpod.runtime import Runtime


# ---------------------------------------------------------------- what transfers have in common


def add_registry_flags(parser: Grammar) -> None:
    """Add what reaching a registry may need."""
    parser.add_argument("--authfile", metavar="FILE", default="", help="read credentials from this file")
    parser.add_argument("--creds", metavar="USER:PASSWORD", default="", help="credentials for this once")
    parser.add_argument("--cert-dir", metavar="DIRECTORY", default="", help="certificates and keys for TLS")
    parser.add_switch(
        "--tls-verify",
        help="whether the registry must have a certificate that is trusted (as registries.conf says)",
    )


def add_platform_flags(parser: Grammar) -> None:
    """Add the choice among the images of a list."""
    parser.add_argument("--arch", metavar="ARCH", default="", help="for this machine instead of ours")
    parser.add_argument("--os", metavar="OS", default="", help="for this operating system")
    parser.add_argument("--variant", metavar="VARIANT", default="", help="for this variant of the machine")
    parser.add_argument("--platform", metavar="OS/ARCH[/VARIANT]", default="", help="all three at once")


def _add_quiet(parser: Grammar) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def transfer_options(options: Namespace, *, quiet: bool = False) -> Options:
    """What the flags say; progress is drawn on a terminal, and told in lines elsewhere."""
    from libpod.images import transport

    platform = getattr(options, "platform", "")
    values = {name: getattr(options, name, "") or "" for name in ("os", "arch", "variant")}
    if platform:
        if any(values.values()):
            raise InvalidArgument("--platform cannot be used together with --os, --arch or --variant")
        values = dict(zip(("os", "arch", "variant"), transport.platform(platform), strict=True))
    quiet = quiet or getattr(options, "quiet", False)
    terminal = None if quiet else _terminal()
    return transport.Options(
        authfile=getattr(options, "authfile", ""),
        credentials=getattr(options, "creds", ""),
        cert_dir=getattr(options, "cert_dir", ""),
        tls_verify=getattr(options, "tls_verify", None),
        on_line=None if quiet or terminal is not None else output.message,
        terminal=terminal,
        os=values["os"],
        arch=values["arch"],
        variant=values["variant"],
    )


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP undo what was begun, as Ctrl-C does; the exit status says which it was."""
    import signal

    def leave(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal() -> int | None:
    """Standard error, if somebody looks at it."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return None
    return sys.stderr.fileno()


# ---------------------------------------------------------------- pull


def configure_pull(parser: Grammar) -> None:
    """Add the arguments of `pull`."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a name, or a place such as dir:DIRECTORY")
    parser.add_argument("-a", "--all-tags", action="store_true", help="every tag of the repository")
    parser.add_argument(
        "--policy", metavar="POLICY", default="always", help="always, missing, never or newer (always)"
    )
    parser.add_argument("--pull", dest="policy", metavar="POLICY", help="the same")
    parser.add_argument("--disable-content-trust", action="store_true", help="does nothing, as with Podman")
    _add_quiet(parser)
    add_registry_flags(parser)
    add_platform_flags(parser)
    parser.runs(_pull)


def _pull(options: Namespace) -> int:
    from libpod.cli import runtimes

    wanted = transfer_options(options)
    status = codes.DONE
    with interruptible(), runtimes.open_runtime(options) as runtime:
        for name in options.images:
            try:
                for identifier in _pull_one(runtime, name, wanted, options):
                    output.data(identifier)
            except LibpodError as error:
                output.error(error)
                status = codes.FAILED
    return status


def _pull_one(runtime: Runtime, name: str, wanted: Options, options: Namespace) -> list[str]:
    from libpod.images import pulling

    say = _silent if options.quiet else output.message
    if options.all_tags:
        found = pulling.all_tags(runtime.images, name, wanted, say)
    else:
        found = [runtime.images.pull(name, wanted, policy=options.policy, say=say)]
    return list(dict.fromkeys(image.id for image in found))


def _silent(_line: str) -> None:
    return


# ---------------------------------------------------------------- pull of create and run


def add_pull_flags(parser: Grammar) -> None:
    """Add when and how `create` and `run` pull the image."""
    parser.add_argument(
        "--pull", metavar="POLICY", nargs="?", const="always", default="missing",
        help="when to pull the image: always, missing, never or newer (missing)",
    )  # fmt: skip
    parser.add_argument("--authfile", metavar="FILE", default="", help="read credentials from this file")
    parser.add_switch("--tls-verify", help="whether TLS is needed")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress of a pull")
    add_platform_flags(parser)


# Policies for which an image of the store is good enough.
_NO_PULL_NEEDED = ("missing", "never")


def with_image(runtime: Runtime, options: Namespace, wanted: CreateOptions) -> CreateOptions:
    """*wanted* with the ID of its image, which is pulled if `--pull` says so."""
    if not wanted.image:
        return wanted
    if options.pull in _NO_PULL_NEEDED and ":" not in wanted.image.partition("/")[0]:
        # The usual case, without reading all images and the configuration of registries. A colon in front
        # may be that of a transport.
        found = runtime.engine.store.named_image(wanted.image)
        if found is not None:
            return wanted._replace(image_id=found.id)
    images = runtime.images
    say = _silent if options.quiet else output.message
    with interruptible():
        image = images.pull(wanted.image, transfer_options(options), policy=options.pull, say=say)
    return wanted._replace(image_id=image.id)


# ---------------------------------------------------------------- push


def configure_push(parser: Grammar) -> None:
    """Add the arguments of `push`."""
    parser.add_argument("image", metavar="IMAGE", help="a name or an ID")
    parser.add_argument(
        "target",
        metavar="DESTINATION",
        nargs="?",
        default="",
        help="another name, or a place such as dir:DIRECTORY",
    )
    parser.add_argument(
        "-f", "--format", metavar="FORMAT", default="", help="the manifest's: oci, v2s1, v2s2"
    )
    parser.add_argument("--compression-format", metavar="FORMAT", default="", help="the layers': gzip, zstd")
    parser.add_argument("--digestfile", metavar="FILE", help="write the digest of the manifest here")
    parser.add_argument("--remove-signatures", action="store_true", help="leave signatures out")
    _add_quiet(parser)
    add_registry_flags(parser)
    parser.runs(_push)


def _push(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.host import outputs
    from libpod.images import pushing

    with interruptible(), runtimes.open_runtime(options) as runtime:
        digest = pushing.push(
            runtime.images,
            options.image,
            options.target,
            transfer_options(options),
            form=options.format,
            compression=options.compression_format,
            remove_signatures=options.remove_signatures,
        )
    if options.digestfile:
        outputs.write(options.digestfile, digest.encode())
    return codes.DONE


# ---------------------------------------------------------------- save and load


def configure_save(parser: Grammar) -> None:
    """Add the arguments of `save`."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="an image, and further names for it")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file (standard output)")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        default="docker-archive",
        help="docker-archive, oci-archive, oci-dir, docker-dir",
    )
    parser.add_argument(
        "-m", "--multi-image-archive", action="store_true", help="every IMAGE is an image of its own"
    )
    parser.add_argument("--compress", action="store_true", help="compress the layers of a docker-dir")
    _add_quiet(parser)
    parser.runs(_save)


def _save(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.host import outputs

    if not options.output and sys.stdout.isatty():
        raise InvalidArgument("refusing to write an archive to a terminal", hint="use --output, or redirect")
    with interruptible(), runtimes.open_runtime(options) as runtime:
        runtime.images.save(
            options.images,
            options.output or outputs.standard_output(),
            transfer_options(options),
            form=options.format,
            several=options.multi_image_archive,
            compress=options.compress,
        )
    return codes.DONE


def configure_load(parser: Grammar) -> None:
    """Add the arguments of `load`."""
    parser.add_argument("-i", "--input", metavar="FILE", help="read this file or directory (standard input)")
    _add_quiet(parser)
    parser.runs(_load)


def _load(options: Namespace) -> int:
    from libpod.cli import runtimes

    if not options.input and sys.stdin.isatty():
        raise InvalidArgument("refusing to read an archive from a terminal", hint="use --input, or redirect")
    with interruptible(), runtimes.open_runtime(options) as runtime:
        wanted = transfer_options(options)
        if options.input:
            found = runtime.images.load(options.input, wanted)
        else:
            found = runtime.images.load_stream(sys.stdin.buffer, wanted)
    for image in found:
        names = image.names or [f"sha256:{image.id}"]
        output.data("\n".join(f"Loaded image: {name}" for name in names))
    return codes.DONE


# ---------------------------------------------------------------- import


def configure_import(parser: Grammar) -> None:
    """Add the arguments of `import`."""
    parser.add_argument("source", metavar="FILE|URL|-", help="the tar; - is standard input")
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="the name of the image")
    add_change_flags(parser)
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="a comment for the history")
    _add_quiet(parser)
    add_platform_flags(parser)
    parser.runs(_import)


def add_change_flags(parser: Grammar) -> None:
    """Add `--change`."""
    parser.add_argument(
        "-c",
        "--change",
        metavar="INSTRUCTION",
        action="append",
        default=[],
        help="CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR",
    )


def _import(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.images import importing

    with interruptible(), runtimes.open_runtime(options) as runtime:
        image = importing.import_tar(
            runtime.images,
            options.source,
            options.name,
            transfer_options(options),
            changes=options.change,
            message=options.message,
        )
    output.data(f"sha256:{image.id}")
    return codes.DONE
