"""Operations on hosts of a running cluster: drain, uncordon.

Called by `kprov/cli/commands/node.py` through `operations/operation.py`.
"""
