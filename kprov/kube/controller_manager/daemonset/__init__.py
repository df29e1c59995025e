"""Runs one pod on every matching node.

Run by app. `placement`, `revisions` and `steps` are functions of values; `history` and `controller`
write.
"""
