"""Conversion of objects between the served version and the stored version.

Called by the API server's handlers; may import machinery only. Each group has a file with two functions from
object to object. They may change their argument.
"""
