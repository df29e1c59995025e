"""The rules and stores of each kind, in a file or folder under its API group. kinds.py lists them.

Called by handlers, admission, subresources and bootstrap. May import cacher, storage and machinery.
"""
