"""Ansible's lookups, one file for each subject; `lookup_table` lists them and `call` runs them.

The templar, the conditions, the loader and the reference use both.
It imports filters, templating.scope and templating.jinja_environment.
"""
