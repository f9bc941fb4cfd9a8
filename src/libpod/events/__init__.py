"""Events: every change of a container, pod, volume, image or network, as Podman records them."""
