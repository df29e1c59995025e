"""storage of apiserver."""
