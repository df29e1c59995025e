"""Ansible Vault: the format, files, and passwords."""
