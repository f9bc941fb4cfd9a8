"""Images: where they come from, how they travel, and what can be done with those of the store."""
