"""A new container's environment: `--env`, `--env-file`, `--env-host` and `--http-proxy`."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.config.runtime import RuntimeConfig

PROXIES: Final = (
    "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
)  # fmt: skip
"""Taken over from our own environment, unless `--http-proxy` or `http_proxy` of containers.conf is false."""


def wanted(options: Namespace, config: RuntimeConfig) -> dict[str, str]:
    """What the flags ask for, later ones winning: all of ours, our proxies, files, single variables.

    Raises FileError for a file that cannot be read.
    """
    found: dict[str, str] = {}
    if config.env_host if options.env_host is None else options.env_host:
        found.update(os.environ)
    if config.http_proxy if options.http_proxy is None else options.http_proxy:
        found.update({name: os.environ[name] for name in PROXIES if name in os.environ})
    return {**found, **given(options)}


def given(options: Namespace) -> dict[str, str]:
    """The variables that `--env` and `--env-file` set, the former winning. FileError."""
    found: dict[str, str] = {}
    for path in options.env_file:
        found.update(of_file(path))
    for text in options.env:
        _add(found, text)
    return found


def of_file(path: str) -> dict[str, str]:
    """What a file of variables or labels says, with comments behind #. FileError."""
    from libpod.host import files

    found: dict[str, str] = {}
    for line in files.read_text(path).splitlines():
        text = line.lstrip()
        if text and not text.startswith("#"):
            _add(found, text)
    return found


def _add(found: dict[str, str], text: str) -> None:
    """`NAME=value`, `NAME` for the value that we have, `NAME*` for all of ours that begin so."""
    name, equals, value = text.partition("=")
    if equals:
        found[name] = value
    elif name.endswith("*"):
        found.update({ours: os.environ[ours] for ours in os.environ if ours.startswith(name[:-1])})
    elif name in os.environ:
        found[name] = os.environ[name]
