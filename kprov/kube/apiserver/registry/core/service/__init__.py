"""Services: strategy, defaults, validation, and what they get from the ranges of the cluster."""
