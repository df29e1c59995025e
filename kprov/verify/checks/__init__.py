"""The checks, one file per area; each generates findings from (testinfra host, host, cluster)."""
