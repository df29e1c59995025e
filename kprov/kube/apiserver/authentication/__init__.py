"""authentication of apiserver."""
