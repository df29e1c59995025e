"""What modules of the collection share."""

import os


def content(path):
    """The text of a file; empty when it is not there."""
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()
