"""Images beside Podman 4.3: pulling from a registry on the loopback device, and long lists.

Both programs run in turn in one session, on one machine; what counts is the ratio of the medians.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench import hosts
from tests.bench.rows import Subject, compared, medians

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.hosts import Host
    from tests.lab.podman import Store

PORT = 5000
NAME = f"127.0.0.1:{PORT}/bench/big:latest"
REGISTRY = f"""\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: /srv/registry}}}}
http: {{addr: '127.0.0.1:{PORT}'}}
"""
INSECURE = f'[[registry]]\nlocation = "127.0.0.1:{PORT}"\ninsecure = true\n'
LAYERS = 4
FILE_SIZE = 1 << 20


class Plan(NamedTuple):
    """The size of the image that is pulled in MiB, how many images and containers there are, and rounds."""

    size: int
    images: int
    containers: int
    pulls: int
    lists: int


FULL = Plan(size=200, images=1000, containers=1000, pulls=5, lists=11)
QUICK = Plan(size=4, images=10, containers=2, pulls=1, lists=1)


class Bench(Subject):
    """Pull, list and info."""

    def plan_for(self, *, quick: bool, rounds: int | None) -> None:
        """Set how much is measured, and how often."""
        plan = QUICK if quick else FULL
        self.plan = plan._replace(pulls=rounds, lists=rounds) if rounds else plan

    def run(self) -> None:
        """Measure everything."""
        with hosts.base(self.room, self.python) as disk:
            with hosts.host(self.room, disk, self.python, 1) as host:
                host.boot()
                self.about = hosts.about(host)
                self.pulling(host)
                self.listing(host)
            with hosts.host(self.room, disk, self.python, self.plan.containers) as host:
                self.information(host)

    def pulling(self, host: Host) -> None:
        """Compare pulls of one image that is not in the store."""
        self.say(f"pull of {self.plan.size} MiB")
        machine = host.machine
        machine.run(["ip", "link", "set", "lo", "up"])
        (machine.disk / "srv/registry.yml").write_text(REGISTRY)
        (machine.disk / "etc-containers/registries.conf").write_text(INSECURE)
        # It ends with the machine.
        machine.run(
            ["sh", "-c", "docker-registry serve /srv/registry.yml </dev/null >/run/registry.log 2>&1 &"]
        )
        self._push(host)
        programs = (host.libpod, host.podman)
        times = [self._pull_in_turn(host, programs) for _ in range(self.plan.pulls + 1)][1:]
        self.rows.append(compared(f"pull of {self.plan.size} MiB", 0, "s", *medians(times), 1.2))

    def _push(self, host: Host) -> None:
        """Put an image of several layers, whose contents cannot be compressed, into the registry."""
        layers = [host.machine.disk / f"srv/layer{number}.tar" for number in range(LAYERS)]
        for layer in layers:
            write_layer(layer, self.plan.size // LAYERS)
        write_layout(host.machine.disk / "srv/big", layers)
        host.machine.run(
            ["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:/srv/big:big", f"docker://{NAME}"],
            timeout=600,
        )

    @staticmethod
    def _pull_in_turn(host: Host, programs: Any) -> tuple[float, float]:
        found = []
        for program in programs:
            found.append(host.seconds(program("pull", "-q", NAME)))
            host.seconds(host.podman("rmi", NAME))
        return found[0], found[1]

    def listing(self, host: Host) -> None:
        """Compare lists of many images."""
        self.say(f"{self.plan.images} images")
        clone_images(host.store, self.plan.images)
        for verb in (("images",), ("images", "--format", "json")):
            ours, theirs = host.libpod(*verb), host.podman(*verb)
            host.seconds(ours)
            times = [(host.seconds(ours), host.seconds(theirs)) for _ in range(self.plan.lists)]
            what = "images: time" if len(verb) == 1 else "images --format json: time"
            self.rows.append(compared(what, self.plan.images, "s", *medians(times), 0.5))

    def information(self, host: Host) -> None:
        """Compare `info` on a store with many containers."""
        self.say(f"info with {self.plan.containers} containers")
        host.boot()
        ours, theirs = host.libpod("info"), host.podman("info")
        for command in (theirs, ours):
            host.seconds(command)
        times = [(host.seconds(ours), host.seconds(theirs)) for _ in range(self.plan.lists)]
        self.rows.append(compared("info: time", self.plan.containers, "s", *medians(times), 0.5))


def write_layer(path: Path, size: int) -> None:
    """Write a tar with *size* MiB of noise in files of 1 MiB."""
    with tarfile.open(path, "w") as archive:
        for number in range(max(size, 1)):
            member = tarfile.TarInfo(f"{path.stem}/{number}")
            member.size = FILE_SIZE
            with open("/dev/urandom", "rb") as noise:
                archive.addfile(member, noise)


def write_layout(directory: Path, layers: list[Path]) -> None:
    """Write an image of these layers, which are moved, as an OCI layout with the tag `big`."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(kind: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(data),
        }

    described = [blob("layer.v1.tar", layer.read_bytes()) for layer in layers]
    for layer in layers:
        layer.unlink()
    rootfs = {"type": "layers", "diff_ids": [entry["digest"] for entry in described]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs, "config": {}}
    manifest = {"schemaVersion": 2, "config": blob("config.v1+json", json.dumps(config).encode())}
    entry = blob("manifest.v1+json", json.dumps({**manifest, "layers": described}).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": "big"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def clone_images(store: Store, count: int) -> None:
    """Give the store so many images, each with a name, a configuration and a layer of its own.

    The layers have records only: on one layer for all, Podman would compare every image with every other.
    """
    directory = store.on_disk(f"{store.root}/overlay-images")
    path = directory / "images.json"
    records = json.loads(path.read_text())
    original = records[0]
    key = f"sha256:{original['id']}"
    config = json.loads((directory / original["id"] / file_name(key)).read_text())
    manifest = json.loads((directory / original["id"] / "manifest").read_text())
    layers_path = store.on_disk(f"{store.root}/overlay-layers/layers.json")
    layers = json.loads(layers_path.read_text())
    layer = next(record for record in layers if record["id"] == original["layer"])
    for number in range(count - len(records)):
        config["config"] = {"Labels": {"number": str(number)}}
        record = _image(directory, original, config, manifest, f"localhost/copy{number}:latest")
        layers.append({**layer, "id": os.urandom(32).hex()})
        records.append({**record, "layer": layers[-1]["id"]})
    for name, found in ((layers_path, layers), (path, records)):
        temporary = name.with_suffix(".new")
        temporary.write_text(json.dumps(found))
        temporary.rename(name)


def _image(directory: Path, original: Any, config: Any, manifest: Any, name: str) -> dict[str, Any]:
    data = json.dumps(config).encode()
    identifier = hashlib.sha256(data).hexdigest()
    manifest["config"].update(digest=f"sha256:{identifier}", size=len(data))
    described = json.dumps(manifest).encode()
    digest = f"sha256:{hashlib.sha256(described).hexdigest()}"
    pieces = {f"sha256:{identifier}": data, "manifest": described, f"manifest-{digest}": described}
    (directory / identifier).mkdir(mode=0o700)
    for key, piece in pieces.items():
        (directory / identifier / file_name(key)).write_bytes(piece)
    digests = {key: digest if key.startswith("manifest") else f"sha256:{identifier}" for key in pieces}
    return {
        "id": identifier, "digest": digest, "names": [name], "layer": original["layer"], "metadata": "{}",
        "big-data-names": list(pieces), "big-data-sizes": {key: len(piece) for key, piece in pieces.items()},
        "big-data-digests": digests, "created": original["created"],
    }  # fmt: skip


def file_name(key: str) -> str:
    """Return the name of the file that containers/storage keeps a piece of big data in."""
    plain = key.replace(".", "").isalnum() and key == key.lower()
    return key if plain else "=" + base64.b64encode(os.fsencode(key)).decode()
