"""The Ansible language and the engine that runs it: playbooks, variables, templates, tasks and their results.

kprov.operations and kprov.cli call it.
It imports the transport and the layers below; its own layers are a contract in pyproject.toml.
"""
