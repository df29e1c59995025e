"""Modules written for Ansible: where their files are, and the payloads that go to hosts.

loading, actions and templating (for filter plugins) call it; ansible-core is imported only when needed.
It imports the model.
"""
