"""A cluster in Vagrant's machines, from building the box to destroying them: `make vagrant` (root, minutes)."""
