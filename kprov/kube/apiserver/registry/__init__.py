"""registry of apiserver."""
