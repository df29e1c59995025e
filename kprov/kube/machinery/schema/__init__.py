"""Types of objects from upstream's definitions: checks, zero values, names of Go types.

Called by the API server and by the other packages of machinery; imports `go_text`, quantities and times.
"""
