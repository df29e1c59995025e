"""Ansible's filters that Jinja2 lacks, one file for each subject; `filter_table` lists all of them.

The templar, the conditions, the loader and the reference use `filter_table`.
It imports what filters have in common: templating.values, .undefined, .versions and .plugin_calls.
"""
