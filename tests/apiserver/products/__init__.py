"""Custom resources of other projects, from a folder that is no part of this repository."""
