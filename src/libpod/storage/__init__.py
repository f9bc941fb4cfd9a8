"""The store of containers/storage on disk: layers, images, containers and their mounts."""
