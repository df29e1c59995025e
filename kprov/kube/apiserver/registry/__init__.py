"""The rules and stores of each kind, in a folder or file under its API group.

Called by handlers, admission, subresources and bootstrap. May import cacher, storage and machinery.
"""
