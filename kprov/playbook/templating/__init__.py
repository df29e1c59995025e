"""Jinja2 as Ansible uses it: environment, scopes of variables, filters, tests, lookups, hidden secrets.

variables, loading, actions and running render values with it.
It imports the model and ansible_modules (for filter plugins of collections).
"""
