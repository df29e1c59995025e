"""Controller managers that lose the lease in the middle of their work, and objects that are wrong on purpose."""
