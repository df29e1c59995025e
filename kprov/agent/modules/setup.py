# The signature is what callers expect.
# ruff: noqa: ARG001
"""ansible.builtin.setup."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context, words
from kprov.agent.facts import gather


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts under Ansible's names; `filter` and `gather_subset` as there."""
    return {"ansible_facts": gather(words(args.get("gather_subset")) or ["all"], words(args.get("filter")))}
