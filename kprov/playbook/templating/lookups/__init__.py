"""Ansible's lookups, and the functions that templates may call (GLOBALS).

`run` calls a lookup from code, `loop_items` is what `with_NAME` loops over. Imports filters, inventory.
"""

from __future__ import annotations

from kprov.playbook.templating.lookups.call import GLOBALS, loop_items, run
from kprov.playbook.templating.lookups.table import LOOKUPS, REFUSED

__all__ = ["GLOBALS", "LOOKUPS", "REFUSED", "loop_items", "run"]
