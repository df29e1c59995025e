"""Ansible's tests (`is ...`) that Jinja2 does not have, a subject a file; ALL is what templates see.

Called from `kprov.playbook.templating`; imports nothing of the playbook but filters and what they stand on.
"""

from __future__ import annotations

from kprov.playbook.jinja_tests.table import ALL, REFUSED, TESTS

__all__ = ["ALL", "REFUSED", "TESTS"]
