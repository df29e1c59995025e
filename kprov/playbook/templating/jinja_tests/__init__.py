"""Ansible's tests (`is ...`) that Jinja2 lacks, one file for each subject; `jinja_test_table` lists them.

The templar, the conditions, the loader and the reference use `jinja_test_table`.
It imports filters (for addresses) and what filters and tests have in common.
"""
