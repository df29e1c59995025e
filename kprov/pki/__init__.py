"""Authorities, certificates, kubeconfigs and their renewal, on the operator's machine.

Imports only errors.
"""
