"""up, verify, reset and their like: each an ordered list of steps with the checks around them.

Called by cli. May import verify, lab, bundle, playbook, transport, inventory, pki.
"""
