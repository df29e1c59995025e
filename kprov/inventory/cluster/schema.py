"""The JSON Schema of a cluster's inventory, so that editors complete and check its files.

It is made of the types of ClusterVariables. `python -m kprov.inventory.cluster.schema` writes the files that
stand beside this module, also in the wheel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from kprov.inventory.cluster import variable_effects
from kprov.inventory.cluster.variables import ClusterVariables

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: The files of each schema: of hosts.yml, and of the files in group_vars and host_vars.
HOSTS_FILE = Path(__file__).with_name("hosts.schema.json")
VARIABLES_FILE = Path(__file__).with_name("variables.schema.json")
#: A value may be a template, which no schema can check.
_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%"}
#: Ansible's words for booleans that YAML 1.2 reads as texts.
_BOOLEAN_WORDS = ["yes", "no", "on", "off", "true", "false", "Yes", "No", "On", "Off", "True", "False"]


class _Generator(GenerateJsonSchema):
    """Accepts what the validation accepts: numbers and booleans also as texts."""

    def bool_schema(self, schema: Any) -> JsonSchemaValue:
        return {"anyOf": [super().bool_schema(schema), {"enum": _BOOLEAN_WORDS}]}

    def int_schema(self, schema: Any) -> JsonSchemaValue:
        return {"anyOf": [super().int_schema(schema), {"type": "string", "pattern": "^-?[0-9]+$"}]}

    def float_schema(self, schema: Any) -> JsonSchemaValue:
        number = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
        return {"anyOf": [super().float_schema(schema), number]}


def make_variables_schema() -> dict[str, Any]:
    """Return the schema of a mapping of variables, as in group_vars/all.yml. Unknown names are allowed."""
    model = ClusterVariables.model_json_schema(schema_generator=_Generator)
    properties = {name: _make_property(rule) for name, rule in model["properties"].items()}
    table = variable_effects.load_table()
    for name in table.connection:
        properties.setdefault(name, {"description": "How the host is reached, as in Ansible."})
    for name, effect in table.mapped.items():
        properties.setdefault(name, {"description": effect})
    return {
        "$schema": DIALECT,
        "title": "Variables of a kprov cluster",
        "$defs": model.get("$defs", {}),
        "type": ["object", "null"],
        "properties": dict(sorted(properties.items())),
    }


def make_hosts_schema() -> dict[str, Any]:
    """Return the schema of hosts.yml: Ansible's YAML inventory with the variables of a cluster."""
    variables = make_variables_schema()
    definitions = variables.pop("$defs")
    del variables["$schema"]
    group = {
        "type": ["object", "null"],
        "properties": {
            "vars": {"$ref": "#/$defs/variables"},
            "hosts": {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/variables"}},
            "children": {"$ref": "#/$defs/groups"},
        },
        "additionalProperties": False,
    }
    names = ("all", "kube_control_plane", "etcd", "kube_node", "k8s_cluster")
    groups = {
        "type": ["object", "null"],
        "properties": {name: {"$ref": "#/$defs/group"} for name in names},
        "additionalProperties": {"$ref": "#/$defs/group"},
    }
    return {
        "$schema": DIALECT,
        "title": "Hosts of a kprov cluster",
        "$defs": {**definitions, "variables": variables, "group": group, "groups": groups},
        "$ref": "#/$defs/groups",
    }


def render_schema(schema: dict[str, Any]) -> str:
    """Render a schema as JSON with indentation."""
    return json.dumps(schema, indent=1) + "\n"


def _make_property(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a variable with its default: its type, a template, or null (not set)."""
    kind = {key: value for key, value in rule.items() if key not in ("default", "title")}
    default = {"default": rule["default"]} if "default" in rule else {}
    return {"anyOf": [kind, _TEMPLATE, {"type": "null"}], **default}


if __name__ == "__main__":
    HOSTS_FILE.write_text(render_schema(make_hosts_schema()))
    VARIABLES_FILE.write_text(render_schema(make_variables_schema()))
