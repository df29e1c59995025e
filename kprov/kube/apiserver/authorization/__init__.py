"""authorization of apiserver."""
