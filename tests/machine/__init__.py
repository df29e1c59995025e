"""A cluster on a machine with its own kernel, from the first run to the reset: `make machine` (root, long)."""
