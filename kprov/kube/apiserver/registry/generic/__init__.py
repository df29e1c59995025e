"""What all kinds share: the store, the base strategies, metadata, deletion, field ownership.

Called by the kinds and by whoever reads or writes objects. Knows no kind.
"""
