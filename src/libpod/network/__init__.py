"""Networks of containers: CNI plugins, and what they keep on disk."""
