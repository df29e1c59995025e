"""Reading and checking playbooks and roles: YAML, keywords, arguments, includes; mistakes name file and line.

running, kprov.cli and kprov.operations call it.
It imports actions (for the arguments that they take) and the layers below.
"""
