"""All objects of a cluster, to compare two moments of it."""

from __future__ import annotations

from typing import Any

from tests.lab.conftest import Cluster

#: Kinds that change all the time without a user.
_VOLATILE = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}
_VOLATILE_FIELDS = ("resourceVersion", "managedFields", "generation")

Dump = dict[tuple[str, str, str], dict[str, Any]]


def dump_objects(cluster: Cluster) -> Dump:
    """Return all objects by kind, namespace and name, without their status."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    items = cluster.get(",".join(sorted(set(kinds) - _VOLATILE)), "-A")["items"]
    objects: Dump = {}
    for item in items:
        item.pop("status", None)
        metadata = item["metadata"]
        for field in _VOLATILE_FIELDS:
            metadata.pop(field, None)
        kind = f"{item['kind']}.{item['apiVersion']}"
        objects[kind, metadata.get("namespace", ""), metadata["name"]] = item
    return objects


def describe_differences(before: Dump, after: Dump) -> list[str]:
    """Return a line for each object that is missing, new or different."""
    lines = [f"missing: {' '.join(key)}" for key in before.keys() - after.keys()]
    lines += [f"new: {' '.join(key)}" for key in after.keys() - before.keys()]
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        fields = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
        if fields:
            lines.append(f"different: {' '.join(key)}: {', '.join(fields)}")
    return sorted(lines)
