"""Bootstrap tokens: deletion of expired ones, and signatures of the config map cluster-info.

Called by `controller_manager/registry.py`; imports the framework only. Source: pkg/controller/bootstrap.
"""
