"""Ansible's tests (`is ...`) that Jinja2 does not have, a subject a file; ALL is what templates see.

Called from `templating.templar`; imports nothing of the playbook but filters and what they stand on.
"""

from __future__ import annotations

from kprov.playbook.templating.jinja_tests.table import ALL, REFUSED, TESTS

__all__ = ["ALL", "REFUSED", "TESTS"]
