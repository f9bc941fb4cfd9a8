"""Containers and pods: what their records say, for lists and for inspection."""
