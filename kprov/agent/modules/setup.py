"""ansible.builtin.setup and gather_facts."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context
from kprov.agent.facts import Options, gather_facts

ARGUMENTS: dict[str, dict[str, Any]] = {
    "gather_subset": {"type": "list", "elements": "str", "default": ["all"]},
    "gather_timeout": {"type": "int", "default": 10},
    "filter": {"type": "list", "elements": "str", "default": []},
    "fact_path": {"type": "path", "default": "/etc/ansible/facts.d"},
}
RULES: dict[str, Any] = {"read_only": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Gather facts under Ansible's names. The internal argument `_names` selects only their collectors."""
    options = Options(args["fact_path"], args["gather_timeout"])
    facts = gather_facts(args["gather_subset"], args["filter"], names=args.get("_names"), options=options)
    return {"changed": False, "ansible_facts": facts}
