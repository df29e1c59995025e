"""The operations behind the commands (up, plan, verify, reset): ordered steps with their checks.

Called by cli. May import verify, lab, bundle, playbook, transport, inventory, pki.
"""
