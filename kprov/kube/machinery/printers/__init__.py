"""Server-side tables (`kubectl get`): columns, and the cells of each kind.

Called by the API server's handlers; imports the resource table, `schema.definitions`, quantities and times.
"""
