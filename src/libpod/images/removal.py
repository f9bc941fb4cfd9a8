"""Taking names away from images, and images out of the store, by the rules of Podman 4.3."""

from __future__ import annotations

from libpod.errors import DependencyExists, InvalidState, NoSuchImage
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.images.catalog import Catalog
    from libpod.storage.images import ImageRecord

    RemoveContainer = Callable[[str], None]


class Removed(NamedTuple):
    """What `remove` has done: names that are gone, and IDs of images that are gone."""

    untagged: list[str]
    deleted: list[str]


class Removal:
    """Removes images one after the other. *look* reads the store anew; *remove_container* is for *force*."""

    def __init__(
        self, look: Callable[[], Catalog], remove_container: RemoveContainer, *, force: bool, prune: bool
    ) -> None:
        self._look = look
        self._remove_container = remove_container
        self._force = force
        self._prune = prune

    def remove(self, name: str, *, whole: bool = False) -> Removed:
        """Remove the image that *name* means, or only that name where the image has others.

        *whole* is for removing it whatever its names are. With *force* the containers that use it go first.
        With *prune* parents without a name that nothing else needs go, too. Raises NoSuchImage,
        DependencyExists for an image in use, and InvalidState for an ID whose image has several names.
        """
        catalog = self._look()
        image, by_name = catalog.locate(name)
        if len(image.names) > 1 and by_name and not whole:
            catalog.store.change_image_names(image.id, lambda names: [one for one in names if one != by_name])
            return Removed([by_name], [])
        if len(image.names) > 1 and not self._force and not whole:
            raise InvalidState(
                f"image {image.id[:12]} has more than one name: {', '.join(image.names)}",
                hint="remove the names, or all of it with --force",
            )
        done = Removed([], [])
        self._delete(catalog, image, done)
        return done

    def _delete(self, catalog: Catalog, image: ImageRecord, done: Removed) -> None:
        users = [container.id for container in catalog.users.get(image.id, ())]
        if users and not self._force:
            raise in_use(image, users)
        for user in users:
            self._remove_container(user)
        parent, has_children = catalog.parent(image), bool(catalog.children(image))
        catalog.store.delete_image(image.id)
        done.untagged.extend(image.names)
        if not has_children:
            # Its layers are still there otherwise, and Podman does not call that deleted.
            done.deleted.append(image.id)
        if self._prune and parent is not None:
            self._delete_parent(parent.id, done)

    def _delete_parent(self, image_id: str, done: Removed) -> None:
        catalog = self._look()
        parent = catalog.by_id.get(image_id)
        if parent is None or not catalog.is_dangling(parent) or catalog.users.get(image_id):
            return
        self._delete(catalog, parent, done)

    def unused(self, *, everything: bool, filters: Sequence[str]) -> list[str]:
        """Remove images that no container uses: those without a name, with *everything* all; returns IDs."""
        from libpod.images import listing

        found: list[str] = []
        tried: set[str] = set()
        while True:
            # The parents of those that have gone are next.
            catalog = self._look()
            images = listing.select(catalog, filters, everything=True)
            gone = [image for image in images if self._is_unused(catalog, image, everything=everything)]
            gone = [image for image in gone if image.id not in tried]
            if not gone:
                return found
            tried.update(image.id for image in gone)
            for image in gone:
                self._delete_unused(image, found)

    @staticmethod
    def _is_unused(catalog: Catalog, image: ImageRecord, *, everything: bool) -> bool:
        if catalog.users.get(image.id) or catalog.children(image):
            return False
        return everything or not image.names

    def _delete_unused(self, image: ImageRecord, found: list[str]) -> None:
        try:
            self._look().store.delete_image(image.id)
        except (DependencyExists, NoSuchImage):
            # Somebody made a container from it, or removed it, at the same moment.
            return
        found.append(image.id)


def in_use(image: ImageRecord, users: Sequence[str]) -> DependencyExists:
    """The error for an image that containers were made from."""
    name = image.names[0] if image.names else image.id[:12]
    return DependencyExists(
        f"image {name} is in use by container {', '.join(user[:12] for user in users)}",
        dependents=users,
        hint="remove the containers first (podman ps --all --external), or all of it with --force",
    )
