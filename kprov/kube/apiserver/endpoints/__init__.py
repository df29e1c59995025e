"""endpoints of apiserver."""
