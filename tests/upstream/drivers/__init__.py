"""Cases that are computed: each module has `steps()`, and `FLAGS` where the servers need some."""
