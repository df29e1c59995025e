"""Operations on keys and certificates of a running cluster: renew, rotate, rewrite; bootstrap tokens.

Called by `kprov/cli/commands/{certificates,secrets,token}.py`, mostly through `operations/operation.py`.
"""
