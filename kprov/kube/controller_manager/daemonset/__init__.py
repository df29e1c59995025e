"""One pod on every fitting node.

Run by app. ``placement`` and ``revisions`` are functions of values; ``controller`` writes.
"""
