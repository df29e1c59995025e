"""Objects as upstream sees them: resource table, schema, quantity, selectors, patches, Status, Table.

Called by every component; imports nothing of the project. Documents are plain dicts, functions are pure.
"""
