"""What a playbook is after loading: plays, blocks, tasks, roles, and the paths where files are found.

Every other package of kprov.playbook uses these types.
It imports kprov.errors only.
"""
