"""The images of one runtime: the front door of this room (`runtime.images`)."""

from __future__ import annotations

import functools
import os

from libpod.errors import FileError, InvalidArgument, NoSuchImage
from libpod.images import listing, reference
from libpod.images.catalog import Catalog
from libpod.images.transport import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from libpod.config.account import Account
    from libpod.config.runtime import RuntimeConfig
    from libpod.images.registries import Registries
    from libpod.images.removal import Removed
    from libpod.images.reports import Node, Step
    from libpod.images.skopeo import Skopeo
    from libpod.images.transport import Place
    from libpod.storage.images import ImageRecord
    from libpod.storage.store import Store

    Data = dict[str, object]
    Say = Callable[[str], None]

# What Go calls the machines.
ARCHITECTURES = {"x86_64": "amd64", "i686": "386", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm"}

PLAIN = Options()


def _silent(_line: str) -> None:
    return


class Images:
    """Works on the images of *store*.

    *remove_container* removes a container by its ID when an image is removed by force; *warn* gets one line
    for what is worth knowing and no error; *record* gets status, ID and name for each change, for events.
    """

    def __init__(
        self,
        store: Store,
        config: RuntimeConfig,
        *,
        remove_container: Callable[[str], None] | None = None,
        warn: Callable[[str], None] = _silent,
        record: Callable[[str, str, str], None] = lambda _status, _id, _name: None,
    ) -> None:
        self.store = store
        self.config = config
        self.warn = warn
        self.record = record
        self._remove_container = remove_container or store.delete_container

    @functools.cached_property
    def account(self) -> Account:
        """Whose configuration files are read."""
        from libpod.config.account import Account

        return Account()

    @functools.cached_property
    def skopeo(self) -> Skopeo:
        """The program that moves images."""
        from libpod.images import registries
        from libpod.images.skopeo import Skopeo

        named = next((self.account.get(name) for name in registries.VARIABLES if self.account.get(name)), "")
        return Skopeo(self.store, policy=self.config.signature_policy_path, registries_conf=named)

    def registries(self) -> Registries:
        """What registries.conf says. ConfigurationError, DecodeError where it cannot be used."""
        from libpod.images import registries

        return registries.load(self.account)

    def catalog(self) -> Catalog:
        """All images as they are now."""
        return Catalog(self.store, self.registries)

    # ------------------------------------------------------------ looking

    def find(self, name: str) -> ImageRecord:
        """The image with this name, short name, digest, ID or unique beginning of one.

        Raises NoSuchImage, and ImageExists where several could be meant.
        """
        return self.catalog().find(name)

    def exists(self, name: str) -> bool:
        """Whether there is one."""
        try:
            self.find(name)
        except NoSuchImage:
            return False
        return True

    def list(self, filters: Sequence[str] = (), *, everything: bool = False) -> Sequence[ImageRecord]:
        """The images that pass all filters, the newest first; see `libpod.images.listing.select`."""
        return listing.select(self.catalog(), filters, everything=everything)

    def inspect(self, name: str) -> Data:
        """Everything about an image, with Podman's key names."""
        from libpod.images import reports

        catalog = self.catalog()
        return reports.inspect(catalog, catalog.find(name))

    def history(self, name: str) -> Sequence[Step]:
        """How an image was made, the last step first."""
        from libpod.images import reports

        catalog = self.catalog()
        return reports.history(catalog, catalog.find(name))

    def tree(self, name: str, *, whole: bool = False) -> Sequence[Node]:
        """The layers of an image, the lowest first; with *whole* also those that were made on top of it."""
        from libpod.images import reports

        catalog = self.catalog()
        return reports.tree(catalog, catalog.find(name), whole=whole)

    def check_platform(self, image: ImageRecord, options: Options) -> None:
        """Warn of an image for another machine than this, or than the one that was asked for."""
        from libpod.errors import DecodeError, FileError

        try:
            config = self.store.image_config(image.id)
        except (DecodeError, FileError):
            return
        machine = os.uname().machine
        wanted = (options.os or "linux", options.arch or ARCHITECTURES.get(machine, machine))
        found = (config.get("os") or wanted[0], config.get("architecture") or wanted[1])
        if found != wanted:
            self.warn(
                f"image platform ({found[0]}/{found[1]}) does not match the expected platform"
                f" ({wanted[0]}/{wanted[1]})"
            )

    # ------------------------------------------------------------ names, and removal

    def tag(self, name: str, *new: str) -> None:
        """Give an image further names; a name that another image has moves. InvalidArgument for no name."""
        wanted = [str(reference.normalize(text)) for text in new]
        for text, full in zip(new, wanted, strict=True):
            if "@" in full:
                raise InvalidArgument(f"{text}: an image cannot be given a digest as its name")
        image = self.find(name)
        self.store.change_image_names(image.id, lambda known: [*known, *wanted])
        for full in wanted:
            self.record("tag", image.id, full)

    def untag(self, name: str, *gone: str) -> None:
        """Take names away from an image; without *gone*, all. InvalidArgument for a name it does not have."""
        image = self.find(name)
        catalog = self.catalog()
        unwanted = []
        for text in gone:
            found, by_name = self._locate(catalog, text)
            if found != image.id or not by_name:
                raise InvalidArgument(f"{text} is no name of image {name}", hint=", ".join(image.names))
            unwanted.append(by_name)
        self.store.change_image_names(
            image.id, lambda known: [one for one in known if gone and one not in unwanted]
        )
        self.record("untag", image.id, name)

    @staticmethod
    def _locate(catalog: Catalog, name: str) -> tuple[str, str]:
        try:
            image, by_name = catalog.locate(name)
        except NoSuchImage:
            return "", ""
        return image.id, by_name

    def remove(self, name: str, *, force: bool = False, prune: bool = True, whole: bool = False) -> Removed:
        """Remove an image, or only this name of several; see `libpod.images.removal`."""
        from libpod.images.removal import Removal

        removal = Removal(self.catalog, self._remove_container, force=force, prune=prune)
        image_id = self.find(name).id
        done = removal.remove(name, whole=whole)
        for untagged in done.untagged:
            self.record("untag", image_id, untagged)
        for deleted in done.deleted:
            self.record("remove", deleted, name)
        return done

    def prune(self, filters: Sequence[str] = (), *, everything: bool = False) -> Sequence[str]:
        """Remove images without a name that nothing uses, with *everything* all unused ones; returns IDs."""
        from libpod.images.removal import Removal

        removal = Removal(self.catalog, self._remove_container, force=False, prune=False)
        gone = removal.unused(everything=everything, filters=filters)
        for image_id in gone:
            self.record("remove", image_id, image_id)
        return gone

    # ------------------------------------------------------------ moving

    def default_place(self, name: str) -> Place | None:
        """Where a name without a transport is, by `image_default_transport`; None for a registry."""
        from libpod.images import transport

        found = transport.parse(self.config.image_default_transport + name)
        return None if found is None or found.transport == transport.DOCKER else found

    def pull(
        self, name: str, options: Options = PLAIN, *, policy: str = "always", say: Say = _silent
    ) -> ImageRecord:
        """Pull an image from a registry or another place; see `libpod.images.pulling.pull`."""
        from libpod.images import pulling

        return pulling.pull(self, name, options, policy=policy, say=say)

    def push(self, name: str, target: str = "", options: Options = PLAIN, *, form: str = "") -> str:
        """Copy an image to a registry or another place; returns the digest of its manifest there."""
        from libpod.images import pushing

        return pushing.push(self, name, target, options, form=form)

    def save(
        self,
        names: Sequence[str],
        target: str | BinaryIO,
        options: Options = PLAIN,
        *,
        form: str = "docker-archive",
        several: bool = False,
        compress: bool = False,
    ) -> None:
        """Write images to a file; see `libpod.images.archives.save`."""
        from libpod.images import archives

        archives.save(self, names, target, options, form=form, several=several, compress=compress)

    def load(self, path: str, options: Options = PLAIN) -> Sequence[ImageRecord]:
        """Put the images of a file or a directory into the store; see `libpod.images.archives.load`."""
        from libpod.images import archives

        with self.skopeo.room() as room:
            return archives.load(self, room, path, options)

    def load_stream(self, stream: BinaryIO, options: Options = PLAIN) -> Sequence[ImageRecord]:
        """The same for an archive that a stream gives."""
        from libpod.host import outputs
        from libpod.images import archives

        with self.skopeo.room() as room:
            path = os.path.join(room, "standard-input")
            try:
                outputs.fill(path, stream.read)
            except OSError as error:
                raise FileError("read", "standard input", error) from error
            return archives.load(self, room, path, options._replace(shown="standard input"))
