"""ValidatingAdmissionPolicy: rejects, warns or audits by the CEL expressions of policies.

The chain calls `plugin.py`. It imports the protocols of stored objects and component_helpers.cel.
"""
