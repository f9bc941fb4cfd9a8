"""User namespaces of containers: their ID mappings, and directories that their users can pass through."""

from __future__ import annotations

import os
import stat

from libpod.errors import FileError, InvalidArgument, NotSupported
from libpod.host import jsonutil
from libpod.oci.options import HOST, PRIVATE
from libpod.storage import idmaps
from libpod.storage.idmaps import IdMaps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine
    from libpod.oci.options import SpecOptions
    from libpod.state.records import ContainerRecord
    from libpod.storage.idmaps import Range

NSENTER_SECONDS = 10.0
USER_ROOTS = "containers-root"
"""Where in the runtime's per-boot directory the boot refresh makes a directory for each of them."""
_PASS = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def of_container(record: ContainerRecord) -> IdMaps:
    """The mappings that the container was made with. DecodeError if they are none."""
    options = jsonutil.get_object(record.config, "idMappingsOptions", {}, source=record.describe())
    return IdMaps(_ranges(options, "UIDMap", record), _ranges(options, "GIDMap", record))


def of_automatic(record: ContainerRecord) -> IdMaps:
    """The mappings of a container with `--userns auto`, which Podman adds to its specification at a start."""
    options = jsonutil.get_object(record.config, "idMappingsOptions", {}, source=record.describe())
    own = options.get("AutoUserNs") is True and not record.config.get("userNsCtr")
    return of_container(record) if own else IdMaps()


def _ranges(options: dict[str, object], key: str, record: ContainerRecord) -> tuple[Range, ...]:
    found = []
    source = record.describe()
    for entry in jsonutil.get_list(options, key, [], source=source):
        if isinstance(entry, dict):
            inside = jsonutil.get_int(entry, "container_id", 0, source=source)
            host = jsonutil.get_int(entry, "host_id", 0, source=source)
            found.append((inside, host, jsonutil.get_int(entry, "size", 0, source=source)))
    return tuple(found)


def resolve(engine: Engine, options: SpecOptions) -> SpecOptions:
    """*options* with the mappings that a joined user namespace has (`container:NAME`, `ns:PATH`), or that a
    mode stands for (`keep-id`, `nomap`). Those of `auto` are chosen later, by `libpod.containers.autoranges`.

    One that is ours, or that of a container without mappings, is `host`. InvalidArgument for mappings that
    cannot be, NotSupported for modes that nothing can be done with here.
    """
    mode = options.namespaces.user
    if options.namespaces.chooses_ids:
        return options
    if mode.startswith("container:"):
        maps = of_container(engine.state.lookup_container(mode.partition(":")[2]))
    elif mode.startswith("ns:"):
        maps = _of_namespace(mode[3:])
    elif mode not in (HOST, PRIVATE):
        return _computed(engine, options, mode)
    else:
        maps = of_options(options)
        idmaps.check(maps.uids, "user ID mapping")
        idmaps.check(maps.gids, "group ID mapping")
        return options
    if not maps:
        namespaces = options.namespaces._replace(user=HOST)
        return options._replace(namespaces=namespaces)
    return options._replace(uid_map=maps.uids, gid_map=maps.gids)


def _computed(engine: Engine, options: SpecOptions, text: str) -> SpecOptions:
    """The mappings of `keep-id`, where the user's own IDs stay the same, and of `nomap`, without them."""
    from libpod.containers import usermodes

    mode = usermodes.parse(text)
    if not engine.config.rootless:
        raise NotSupported(
            f"--userns {mode.kind} is for users without privileges: root has no IDs of its own to keep apart",
            hint="--userns auto, or --uidmap 0:100000:65536",
        )
    from libpod.host import usernamespace

    counts = [sum(size for _in, _out, size in usernamespace.mapped(kind)) - 1 for kind in ("uid", "gid")]
    if min(counts) < 1:
        raise NotSupported(
            f"--userns {mode.kind} needs more IDs than the user's own",
            hint="have some given in /etc/subuid and /etc/subgid; see usermod(8), --add-subuids",
        )
    namespaces = options.namespaces._replace(user=PRIVATE)
    if mode.kind == usermodes.NO_MAP:
        uids, gids = (((0, 1, count),) for count in counts)
        return options._replace(namespaces=namespaces, uid_map=uids, gid_map=gids)
    uid = _own_id("uid") if mode.uid is None else mode.uid
    gid = _own_id("gid") if mode.gid is None else mode.gid
    return options._replace(
        namespaces=namespaces,
        uid_map=_kept(uid, counts[0]),
        gid_map=_kept(gid, counts[1]),
        user=options.user or f"{uid}:{gid}",
        current_user=mode.uid is None and mode.gid is None,
        own_ids=(uid, gid),
    )


def _own_id(kind: str) -> int:
    """The user or group, "uid" or "gid", who is root of the user's namespace."""
    from libpod.host import usernamespace

    return next(outside for inside, outside, _size in usernamespace.mapped(kind) if inside == 0)


def _kept(own: int, count: int) -> tuple[Range, ...]:
    """ID *own* is root of the user's namespace, and the *count* others are those around it."""
    below = min(own, count)
    ranges = ((0, 1, below), (own, 0, 1), (own + 1, below + 1, count - below))
    return tuple(entry for entry in ranges if entry[2])


def _of_namespace(path: str) -> IdMaps:
    """The mappings of the user namespace at *path*; none if it is ours."""
    try:
        if os.path.samefile(path, "/proc/self/ns/user"):
            return IdMaps()
    except OSError as error:
        raise FileError("look at user namespace", path, error) from error
    return IdMaps(_read_map(path, "uid_map"), _read_map(path, "gid_map"))


def _read_map(path: str, name: str) -> tuple[Range, ...]:
    """user_namespaces(7): only a process in a namespace, or above it, can be asked for its mapping."""
    from libpod.host import process

    command = ["nsenter", f"--user={path}", "--", "cat", f"/proc/self/{name}"]
    lines = process.run(command, timeout=NSENTER_SECONDS).stdout.decode("ascii").splitlines()
    numbers = [[int(word) for word in line.split()] for line in lines]
    return tuple((inside, host, size) for inside, host, size in numbers)


def of_options(options: SpecOptions) -> IdMaps:
    """The mappings that were asked for."""
    return IdMaps(tuple(options.uid_map), tuple(options.gid_map or options.uid_map))


def on_host(record: ContainerRecord, uid: int, gid: int) -> tuple[int, int]:
    """What a user and a group of the container are on the host.

    InvalidArgument for one that its user namespace does not have.
    """
    maps = of_container(record)
    try:
        return idmaps.to_host(maps.uids, uid), idmaps.to_host(maps.gids, gid)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"container {record.name} cannot run as {uid}:{gid}: {error}",
            hint="map more IDs: --userns auto:size=NUMBER, or --uidmap and --gidmap",
        ) from error


def root_owner(record: ContainerRecord) -> tuple[int, int]:
    """The user and group of the host that the container's root is; 0 and 0 without a mapping."""
    return of_container(record).owner()


def make_reachable(record: ContainerRecord, *paths: str) -> None:
    """Let the container's root pass through the directories above *paths*, and own those of the engine.

    The OCI runtime prepares the root from within the user namespace, where our own rights count no more.
    Podman 4.3 does the same to the same directories (measured): it gives everyone the right to pass, and none
    to look.
    """
    owner = root_owner(record)
    if not of_container(record):
        return
    for path in (record.run_directory, record.static_directory):
        try:
            os.chown(path, *owner, follow_symlinks=False)
        except OSError as error:
            raise FileError("change owner of", path, error) from error
    if any(host == 0 for _inside, host, _size in of_container(record).uids):
        # A user's container in which they are themselves: their own directories are open to it.
        return
    for path in (record.run_directory, *paths):
        _open_way(path)
    _open_way(os.path.dirname(record.static_directory))


def own_root(record: ContainerRecord, root: str) -> None:
    """Give the root directory of a container with a layer of its own to the container's root.

    Podman 4.3 changes the owners of files in a layer without those of the layer's own directory, and does
    that when it starts the container.
    """
    owner = root_owner(record)
    if record.config.get("rootfs") or not of_container(record):
        return
    try:
        found = os.stat(root)
        if (found.st_uid, found.st_gid) != owner:
            os.chown(root, *owner)
    except OSError as error:
        raise FileError("change owner of", root, error) from error


def _open_way(path: str) -> None:
    path = os.path.realpath(path)
    while path != "/":
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode & _PASS != _PASS:
                os.chmod(path, mode | _PASS)
        except OSError as error:
            raise FileError("change mode of", path, error) from error
        path = os.path.dirname(path)
