"""What all kinds share: the store, the strategy interface, metadata, deletion, ownership of fields.

Called by the kinds and by whoever reads or writes objects. Knows no kind.
"""
