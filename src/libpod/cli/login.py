"""`libpod login` and `libpod logout`."""

from __future__ import annotations

import sys

from libpod.cli import codes, output, transfers
from libpod.errors import InvalidArgument, LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the arguments of `login`."""
    parser.add_argument("registry", metavar="REGISTRY", nargs="?", default="", help="such as quay.io")
    parser.add_argument("-u", "--username", metavar="NAME", default="", help="who you are")
    parser.add_argument("-p", "--password", metavar="PASSWORD", help="visible to others; better none")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument("--get-login", action="store_true", help="print who is logged in")
    parser.add_argument("-v", "--verbose", action="store_true", help="say where the credentials are kept")
    _add_places(parser)
    parser.runs(_login)


def _add_places(parser: Grammar) -> None:
    parser.add_argument("--authfile", metavar="FILE", default="", help="keep credentials in this file")
    parser.add_argument("--cert-dir", metavar="DIRECTORY", default="", help="certificates and keys for TLS")
    parser.add_switch("--tls-verify", help="whether TLS is needed")


def _registry(options: Namespace) -> str:
    """The registry; without one the first that is searched for short names, as with Podman."""
    if options.registry:
        return str(options.registry)
    from libpod.config.account import Account
    from libpod.images import registries

    found = registries.load(Account())
    if not found.search:
        raise InvalidArgument(
            "name a registry: none is configured for short names", hint="libpod login quay.io"
        )
    return found.search[0]


def _login(options: Namespace) -> int:
    from libpod.cli import images
    from libpod.images import auth, logins

    opened = images.opened(options)
    registry = _registry(options)
    wanted = transfers.transfer_options(options, quiet=True)
    if options.get_login:
        output.data(logins.logged_in_user(opened, registry, wanted))
        return codes.DONE
    user = options.username or _ask_user(opened, registry, wanted)
    logins.login(opened, registry, user, _password(options), wanted)
    output.data("Login Succeeded!")
    if options.verbose:
        output.message(f"Used: {options.authfile or auth.default_file(opened.account)}")
    return codes.DONE


def _ask_user(images: object, registry: str, wanted: object) -> str:
    from libpod.images import logins

    if not sys.stdin.isatty():
        raise InvalidArgument(
            "cannot ask for a user name: standard input is no terminal", hint="use --username"
        )
    try:
        known = logins.logged_in_user(images, registry, wanted)  # type: ignore[arg-type]
    except LibpodError:
        known = ""
    sys.stderr.write(f"Username ({known}): " if known else "Username: ")
    sys.stderr.flush()
    user = sys.stdin.readline().strip() or known
    if not user:
        raise InvalidArgument("a user name is needed")
    return user


def _password(options: Namespace) -> str:
    if options.password_stdin:
        if options.password is not None:
            raise InvalidArgument("--password and --password-stdin cannot be used together")
        if not options.username:
            raise InvalidArgument("--password-stdin needs --username")
        return sys.stdin.read().rstrip("\r\n")
    if options.password is not None:
        return str(options.password)
    if not sys.stdin.isatty():
        raise InvalidArgument(
            "cannot ask for a password: standard input is no terminal", hint="use --password-stdin"
        )
    import getpass

    return getpass.getpass("Password: ", sys.stderr)


def configure_logout(parser: Grammar) -> None:
    """Add the arguments of `logout`."""
    parser.add_argument("registry", metavar="REGISTRY", nargs="?", default="", help="such as quay.io")
    parser.add_argument("-a", "--all", action="store_true", help="all registries")
    parser.add_argument("--authfile", metavar="FILE", default="", help="the file with the credentials")
    parser.runs(_logout)


def _logout(options: Namespace) -> int:
    from libpod.cli import images
    from libpod.images import logins

    registry = "" if options.all else _registry(options)
    if options.all and options.registry:
        raise InvalidArgument("give either a registry or --all, not both")
    wanted = transfers.transfer_options(options, quiet=True)
    logins.logout(images.opened(options), registry, wanted)
    output.data(f"Removed login credentials for {registry}" if registry else "Removed all login credentials")
    return codes.DONE
