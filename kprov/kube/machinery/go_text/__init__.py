"""JSON and YAML as Go's libraries read and write them.

Called by the API server's negotiation and by the other packages of machinery; imports nothing of the project.
"""
