"""Ansible's filters that Jinja2 does not have, a subject a file; ALL is what templates see.

Called from `templating.templar`; imports nothing of the playbook but `undefined` and `plugged`.
"""

from __future__ import annotations

from kprov.playbook.templating.filters.table import ALL, FILTERS, REFUSED
from kprov.playbook.templating.filters.yaml_json import to_json
from kprov.playbook.templating.values import OMIT, FilterError, omitted, plain

__all__ = ["ALL", "FILTERS", "OMIT", "REFUSED", "FilterError", "omitted", "plain", "to_json"]
