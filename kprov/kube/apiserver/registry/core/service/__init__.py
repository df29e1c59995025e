"""Services: strategy, defaults, validation, and allocation of cluster IPs and node ports."""
