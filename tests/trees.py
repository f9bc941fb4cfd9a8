"""Directory trees with a small Debian inside, built by mmdebstrap and kept between test runs.

Layout of the cache, by default below /var/tmp/libpod-tests::

    trees/<name>-<key>/       the tree; <key> is derived from the release and the packages in it
    trees/<name>-<key>.lock   held (flock) by the process that builds it; others wait

A tree that has its final name is complete: it is built beside it and renamed. Nobody writes into a finished
tree: whoever boots one or runs programs in it puts an overlay on top (`writable`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = Path(os.environ.get("LIBPOD_TEST_CACHE", "/var/tmp/libpod-tests"))
BUILD_SECONDS = 900


class Tree(NamedTuple):
    """What a tree is made of: its name, the Debian release and the packages beside the essential ones."""

    name: str
    release: str
    packages: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the finished tree stands; another release or package list gives another path."""
        text = "\n".join([self.release, *sorted(self.packages)])
        return CACHE / "trees" / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


# Everything that our Debian packages need is in here, so that they install without a network.
DEBIAN_12 = Tree(
    "debian12",
    "bookworm",
    (
        "busybox-static",
        "catatonit",
        "conmon",
        "containernetworking-plugins",
        "dbus",
        "dbus-user-session",
        "iproute2",
        "iptables",
        "libpam-systemd",
        "podman",
        "procps",
        "python3",
        "python3-filelock",
        "python3-psutil",
        "python3-pystemd",
        "python3-tomli",
        "runc",
        "systemd",
        "systemd-sysv",
        "uidmap",
    ),
)

# Podman 5 keeps its state in SQLite.
DEBIAN_13_PODMAN = Tree(
    "debian13-podman",
    "trixie",
    (
        "busybox-static",
        "catatonit",
        "conmon",
        "iptables",
        "podman",
        "python3",
        "python3-filelock",
        "python3-psutil",
        "python3-pystemd",
        "python3-tomli",
        "runc",
        "strace",
    ),
)


# With a kernel of its own, for a machine on pure cgroup version 2.
DEBIAN_12_KERNEL = Tree(
    "debian12-kernel",
    "bookworm",
    (
        *DEBIAN_12.packages,
        "apparmor",
        "criu",
        "kmod",
        "linux-image-cloud-amd64",
        "qemu-guest-agent",
        "slirp4netns",
    ),
)


def ensure(tree: Tree) -> Path:
    """Build *tree* unless the cache has it, and return its path. Needs root, mmdebstrap and a mirror."""
    path = tree.path
    if path.is_dir():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_dir():
            _build(tree, path)
    return path


def _build(tree: Tree, path: Path) -> None:
    """Bootstrap beside *path*, once more after a failure (mirrors have bad moments), then rename it."""
    new = path.with_name(path.name + ".new")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"]
    command.append(f"--include={','.join(tree.packages)}")
    for attempt in (1, 2):
        shutil.rmtree(new, ignore_errors=True)
        result = subprocess.run(
            [*command, tree.release, os.fspath(new)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
        if result.returncode == 0:
            os.rename(new, path)
            return
        time.sleep(5 * attempt)
    raise RuntimeError(f"mmdebstrap failed twice ({result.returncode}):\n{result.stderr[-4000:]}")


@contextlib.contextmanager
def writable(tree: Path, room: Path) -> Iterator[Path]:
    """Mount an overlay over *tree*, with the changes in *room*; yield the mount point, unmount at the end."""
    merged = mount_writable(tree, room)
    try:
        yield merged
    finally:
        unmount(merged)


def mount_writable(tree: Path, room: Path) -> Path:
    """Mount an overlay over *tree* at ``room/root``. *room* must not itself be on an overlay."""
    upper, work, merged = room / "changes", room / "work", room / "root"
    for directory in (upper, work, merged):
        directory.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={tree},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, os.fspath(merged)], check=True)
    return merged


def unmount(merged: Path) -> None:
    """Unmount *merged* and whatever was left mounted below it."""
    subprocess.run(["umount", "--recursive", os.fspath(merged)], check=True)


if __name__ == "__main__":
    for needed in (DEBIAN_12, DEBIAN_13_PODMAN, DEBIAN_12_KERNEL):
        ensure(needed)
