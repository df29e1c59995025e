"""cacher of apiserver."""
