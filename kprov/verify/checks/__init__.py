"""The checks, one file an area; each is a generator of findings from (testinfra host, host, cluster)."""
