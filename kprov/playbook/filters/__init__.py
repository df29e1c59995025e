"""Ansible's filters that Jinja2 does not have, a subject a file; ALL is what templates see.

Called from `kprov.playbook.templating`; imports nothing of the playbook but `undefined` and `plugged`.
"""

from __future__ import annotations

from kprov.playbook.filters.table import ALL, FILTERS, REFUSED
from kprov.playbook.filters.yaml_json import to_json
from kprov.playbook.values import OMIT, FilterError, omitted, plain

__all__ = ["ALL", "FILTERS", "OMIT", "REFUSED", "FilterError", "omitted", "plain", "to_json"]
