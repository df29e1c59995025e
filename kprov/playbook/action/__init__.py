"""What a task's module needs done on the operator's machine, one file a module.

Called by playbook. May import transport and below.
"""
