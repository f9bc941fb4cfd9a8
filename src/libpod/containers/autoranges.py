"""IDs for a container with `--userns auto`: as many as it needs, that no other container of the store has.

For root they are the subordinate IDs of an account, `containers` if nothing else is configured, for a user
without privileges those of the user's own namespace. containers/storage chooses under the lock userns.lock,
which is held here until the container with its ranges is on disk.
"""

from __future__ import annotations

import contextlib

from libpod.config.storage import SUBORDINATE_IDS
from libpod.containers import usermodes
from libpod.errors import InvalidArgument
from libpod.oci.options import PRIVATE, Automatic
from libpod.storage import idmaps, userranges
from libpod.storage.idmaps import IdMaps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from libpod.containers.engine import Engine
    from libpod.oci.options import SpecOptions
    from libpod.storage.images import ImageRecord
    from libpod.storage.userranges import Interval

DEFAULT_ACCOUNT = "containers"
_KINDS = {"uid": "user", "gid": "group"}


@contextlib.contextmanager
def chosen(
    engine: Engine, options: SpecOptions, image: ImageRecord | None, image_config: Mapping[str, object]
) -> Iterator[SpecOptions]:
    """*options*, which ask for `--userns auto`, with a mapping of IDs.

    The container must have its storage when the block ends. InvalidArgument where too few IDs are free, with
    what to do about it.
    """
    mode = usermodes.parse(options.namespaces.user)
    for ranges, kind in ((mode.uids, "user"), (mode.gids, "group")):
        idmaps.check(ranges, f"{kind} ID mapping of --userns auto", root=False)
    initial = _highest_number(options.user or _text(image_config, "User")) + 1
    with engine.store.choosing_ids() as used:
        size = mode.size or _needed(engine, image, initial)
        maps = IdMaps(
            _choose(engine, "uid", size, used.uids, mode.uids),
            _choose(engine, "gid", size, used.gids, mode.gids),
        )
        for ranges, kind in ((maps.uids, "user"), (maps.gids, "group")):
            idmaps.check(ranges, f"{kind} ID mapping of --userns auto")
        namespaces = options.namespaces._replace(user=PRIVATE)
        automatic = Automatic(mode.size, initial if initial > 1 else 0, mode.uids, mode.gids)
        yield options._replace(
            namespaces=namespaces, uid_map=maps.uids, gid_map=maps.gids, automatic=automatic
        )


def _text(mapping: Mapping[str, object], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _highest_number(user: str) -> int:
    """The highest ID in `UID:GID`; 0 for names, which the image's own files tell."""
    return max([int(part) for part in user.split(":") if part.isascii() and part.isdigit()], default=0)


def _needed(engine: Engine, image: ImageRecord | None, initial: int) -> int:
    """How many IDs: those of the image's files, accounts and groups, and at least the configured number."""
    most = engine.config.auto_userns_max_size
    size = max(engine.config.auto_userns_min_size, initial)
    if image is not None:
        from libpod.oci import users

        size = max(size, engine.store.file_owners(image.id))
        with engine.store.image_root(image.id) as root:
            if root:
                size = max(size, users.highest_id(root) + 1)
    if most and size > most:
        raise InvalidArgument(
            f"--userns auto: {size} IDs are needed, and no container may have more than {most}",
            hint="say how many: --userns auto:size=NUMBER; or set auto-userns-max-size in storage.conf",
        )
    return size


def _choose(
    engine: Engine, kind: str, size: int, used: tuple[idmaps.Range, ...], given: tuple[idmaps.Range, ...]
) -> tuple[idmaps.Range, ...]:
    available, hint = _available(engine, kind)
    try:
        return userranges.choose(size, available, used, given, _KINDS[kind])
    except InvalidArgument as error:
        raise InvalidArgument(error.message, hint=hint) from error


def _available(engine: Engine, kind: str) -> tuple[list[Interval], str]:
    """The IDs that may be used, and how to get more."""
    path = SUBORDINATE_IDS[kind]
    if engine.config.rootless:
        from libpod.host import usernamespace

        # 0 is the user.
        found = [(inside, size) for inside, _outside, size in usernamespace.mapped(kind)]
        return userranges.subtract(found, [(0, 1)]), (
            f"ask for fewer (--userns auto:size=NUMBER), remove containers, or have more given in {path}"
        )
    from libpod.host import subids

    account = engine.config.auto_userns_user or DEFAULT_ACCOUNT
    return subids.ranges(path, [account]), (
        f"add a range for {account} to {path}, such as {account}:2147483647:2147483648; remove containers; "
        "or ask for fewer: --userns auto:size=NUMBER"
    )
