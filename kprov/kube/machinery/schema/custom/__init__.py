"""What the schema of a definition does to objects: pruning, defaults, validation, and types for apply.

custom_types.py is the interface. structural.py compiles a schema; each other module has one subject. The API
server's custom resources use it. Imports machinery only.
"""
