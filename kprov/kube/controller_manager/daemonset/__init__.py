"""One pod on every fitting node.

Run by app. ``placement``, ``revisions`` and ``steps`` are functions of values; ``history`` and ``controller``
write.
"""
