"""One store with an example of everything that a refresh must deal with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.podman import Store

# What Podman must say of each container after the reboot and our refresh.
STATES = {
    "created": "created",
    "running": "exited",
    "exited": "exited",
    "stopped": "exited",
    "paused": "exited",
    "restarting": "exited",
    "with-volumes": "exited",
    "with-volumes-too": "created",
    "with-network": "exited",
    "in-its-network": "exited",
    "needs-running": "created",
    "in-pod": "exited",
    "in-pod-without-infra": "exited",
    "created-in-pod": "created",
}
REMOVED = ("removing-itself",)
"""Made with `--rm`: the refresh removes what had run of these."""
NETWORKED = ("with-network", "in-its-network")
PODS = ("pod", "pod-without-infra", "empty-pod")
VOLUMES = ("data", "memory", "unused")
NETWORK = "lab"
STATIC_IP = "10.90.0.7"


def populate(store: Store, *, with_networks: bool = True) -> None:
    """Fill *store*, which has the image: containers in every state, pods, volumes, networks, dependencies."""
    _containers(store)
    _volumes(store)
    if with_networks:
        _networks(store)
    _pods(store)


def _containers(store: Store) -> None:
    store.create("created")
    store.run("running")
    store.podman("exec", "-d", "running", "sleep", "100000")
    exits = ("--name", "exited", "--net=none", "localhost/bb", "sh", "-c", "exit 3")
    result = store.podman("run", *exits, check=False)
    assert result.status == 3, result
    store.run("stopped")
    store.podman("stop", "-t", "0", "stopped")
    store.run("paused")
    store.podman("pause", "paused")
    store.run("restarting", "--restart=always")
    store.run("removing-itself", "--rm")
    store.create("needs-running", "--requires=running")


def _volumes(store: Store) -> None:
    for volume in ("data", "unused"):
        store.podman("volume", "create", "--label", f"for={volume}", volume)
    store.podman("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "memory")
    mounts = ("-v", "data:/data", "-v", "memory:/memory")
    store.run("with-volumes", *mounts, command=("sh", "-c", "echo kept >> /data/file; exec sleep 100000"))
    store.create("with-volumes-too", *mounts)


def _networks(store: Store) -> None:
    store.podman("network", "create", "--subnet", "10.90.0.0/24", NETWORK)
    store.run("with-network", f"--net={NETWORK}", f"--ip={STATIC_IP}", "-p", "8080:80")
    store.run("in-its-network", "--net=container:with-network")


def _pods(store: Store) -> None:
    store.podman("pod", "create", "--name", "pod", "--network=none")
    for pod in ("pod-without-infra", "empty-pod"):
        store.podman("pod", "create", "--name", pod, "--infra=false")
    store.run("in-pod", "--pod=pod")
    store.create("created-in-pod", "--pod=pod")
    store.run("in-pod-without-infra", "--pod=pod-without-infra", "--net=none")
