"""Configuration: what it is, and where it comes from.

`RuntimeConfig.load()` reads everything; `sources.collect()` is the part of it that a program can afford which
has nothing to do. Names are imported when they are asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.config.paths import same_path as same_path
    from libpod.config.runtime import RuntimeConfig as RuntimeConfig
    from libpod.config.runtime import StateType as StateType
    from libpod.config.sources import Settings as Settings
    from libpod.config.sources import collect as collect

__all__ = ["RuntimeConfig", "Settings", "StateType", "collect", "same_path"]

_HOMES = {
    "RuntimeConfig": "libpod.config.runtime",
    "Settings": "libpod.config.sources",
    "StateType": "libpod.config.runtime",
    "collect": "libpod.config.sources",
    "same_path": "libpod.config.paths",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)
