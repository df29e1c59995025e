"""The flow schemas and priority levels that every cluster has. The table is bootstrap_objects.yaml.

Validation refuses changes to the mandatory ones, the server's post-start hook creates all of them, and
priority and fairness uses them until they are stored.
Source: apiserver/pkg/apis/flowcontrol/bootstrap.
"""

from __future__ import annotations

import copy
from functools import cache
from importlib import resources
from typing import Final

from kprov.kube.machinery.json_object import JsonObject

GROUP: Final = "flowcontrol.apiserver.k8s.io"
LEVELS: Final = "prioritylevelconfigurations"
SCHEMAS: Final = "flowschemas"
#: Whether the server keeps the object's spec as it is in the table.
AUTOUPDATE_ANNOTATION: Final = "apf.kubernetes.io/autoupdate-spec"
MANDATORY: Final = frozenset({"exempt", "catch-all"})


def load_objects() -> list[tuple[str, JsonObject]]:
    """(plural, object) in the order of creation, levels first. Each call returns new copies."""
    return copy.deepcopy(_read())


@cache
def _read() -> list[tuple[str, JsonObject]]:
    import yaml

    text = (resources.files(__package__) / "bootstrap_objects.yaml").read_text()
    table = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    objects = [
        (LEVELS, _make_object("PriorityLevelConfiguration", name, _make_level_spec(level)))
        for name, level in table["levels"].items()
    ]
    objects += [
        (SCHEMAS, _make_object("FlowSchema", name, _make_schema_spec(schema)))
        for name, schema in table["schemas"].items()
    ]
    return objects


def _make_object(kind: str, name: str, spec: JsonObject) -> JsonObject:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, "annotations": {AUTOUPDATE_ANNOTATION: "true"}},
        "spec": spec,
    }


def _make_level_spec(level: JsonObject) -> JsonObject:
    shares = {
        "nominalConcurrencyShares": level["shares"],
        "lendablePercent": level["lendable"],
    }
    if level["type"] == "exempt":
        return {"type": "Exempt", "exempt": shares}
    response: JsonObject = {"type": "Reject"}
    if "queues" in level:
        queues, hand, length = level["queues"]
        queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": length}
        response = {"type": "Queue", "queuing": queuing}
    return {"type": "Limited", "limited": {**shares, "limitResponse": response}}


def _make_schema_spec(schema: JsonObject) -> JsonObject:
    rule: JsonObject = {"subjects": [_parse_subject(text) for text in schema["subjects"]]}
    if "resources" in schema:
        rule["resourceRules"] = [
            {
                "verbs": resource["verbs"],
                "apiGroups": resource["groups"],
                "resources": resource["resources"],
                "namespaces": ["*"],
                **({"clusterScope": True} if resource.get("cluster") else {}),
            }
            for resource in schema["resources"]
        ]
    if "paths" in schema:
        verbs, urls = schema["paths"]
        rule["nonResourceRules"] = [{"verbs": verbs, "nonResourceURLs": urls}]
    spec: JsonObject = {
        "priorityLevelConfiguration": {"name": schema["level"]},
        "matchingPrecedence": schema["precedence"],
    }
    if "by" in schema:
        spec["distinguisherMethod"] = {"type": schema["by"]}
    return spec | {"rules": [rule]}


def _parse_subject(text: str) -> JsonObject:
    kind, name = text.split(" ", 1)
    if kind == "ServiceAccount":
        namespace, _, account = name.partition("/")
        return {"kind": kind, "serviceAccount": {"namespace": namespace, "name": account}}
    return {"kind": kind, kind.lower(): {"name": name}}
