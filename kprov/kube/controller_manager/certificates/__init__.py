"""Certificate signing requests: signing, approving, cleaning (pkg/controller/certificates).

Called by `controller_manager/registry.py`; imports the framework only.
"""
