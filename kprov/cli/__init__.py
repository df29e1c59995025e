"""The Typer commands, one file a group, and their output (rich, JSON).

Called by the user; nothing below knows it exists. May import every provisioner folder.
"""
