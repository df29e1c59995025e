"""The items of the CIS Kubernetes Benchmark (numbers of v1.10) that `kprov verify --profile cis` looks at.

`items.py` is the table; `checks.py` has the kinds of checks; `facts.py` reads a host once. The titles are
kprov's own. Called by `operations/cis.py`.
"""
