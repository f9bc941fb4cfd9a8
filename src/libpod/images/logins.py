"""`login` and `logout`: skopeo checks credentials with the registry and keeps them, in a file or a helper."""

from __future__ import annotations

import os

from libpod.images import auth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.images.manager import Images
    from libpod.images.transport import Options


def login(images: Images, registry: str, user: str, password: str, options: Options) -> None:
    """Check credentials with the registry, and keep them. Raises AccessDenied and other TransferErrors."""
    name = auth.registry_of(registry)
    words = ["login", *_login_flags(images, options), "--username", user, "--password-stdin", name]
    images.skopeo.short(words, name, data=password.encode())


def logged_in_user(images: Images, registry: str, options: Options) -> str:
    """Who is logged in to the registry. TransferError if nobody is."""
    name = auth.registry_of(registry)
    words = ["login", "--get-login", *_login_flags(images, options), name]
    return images.skopeo.short(words, name).decode("utf-8", "replace").strip()


def _login_flags(images: Images, options: Options) -> list[str]:
    path = os.path.abspath(options.authfile) if options.authfile else auth.default_file(images.account)
    flags = ["--authfile", path]
    if options.cert_dir:
        flags += ["--cert-dir", options.cert_dir]
    if options.tls_verify is not None:
        flags.append(f"--tls-verify={'true' if options.tls_verify else 'false'}")
    return flags


def logout(images: Images, registry: str, options: Options) -> None:
    """Forget the credentials for a registry; for all of them, if it is empty."""
    path = os.path.abspath(options.authfile) if options.authfile else auth.default_file(images.account)
    words = ["logout", "--authfile", path, *([auth.registry_of(registry)] if registry else ["--all"])]
    images.skopeo.short(words, registry or "all registries")
