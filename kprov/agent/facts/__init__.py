"""Facts of a host, one file a subject, gathered when something asks for them.
"""
