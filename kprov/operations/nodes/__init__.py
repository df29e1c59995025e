"""Operations on hosts of a running cluster: add, remove, replace, drain, uncordon.

Called by `kprov/cli/commands/node.py` through `operations/operation.py`.
"""
