"""Looks at how values are encrypted in etcd, and writes them again with the present key."""

from __future__ import annotations

import json
import shlex
from collections import Counter

from kprov.errors import InputError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.phases import OperationContext
from kprov.operations.remote import etcdctl_line, find_api_host, find_etcd_host, kubectl_line, run_command

#: Values that change while they are written again are tried again.
_TRIES = 5
#: Reads the answer of `etcdctl get -w json`, and prints the number of values by the name of their key.
_COUNT = """
import base64, collections, json, sys
counts = collections.Counter()
for entry in json.load(sys.stdin).get("kvs", []):
    value = base64.b64decode(entry.get("value", ""))[:200]
    parts = value.split(b":", 5)
    counts[parts[4].decode() if value.startswith(b"k8s:enc:") and len(parts) > 5 else ""] += 1
print(json.dumps(counts))
"""
#: Objects are sent in parts, so that a host with little memory can do it.
_CHUNK = 500


def count_by_key(cluster: Cluster) -> Counter[str]:
    """Return the number of values in etcd by the name of the key that encrypted them; "" is none."""
    host = find_etcd_host(cluster)
    total: Counter[str] = Counter()
    for resource in list_resources(cluster):
        prefix = shlex.quote(f"/registry/{resource.partition('.')[0]}/")
        line = etcdctl_line(cluster, host, f"get --prefix {prefix} -w json")
        total.update(json.loads(run_command(cluster, host, f"{line} | python3 -c {shlex.quote(_COUNT)}")))
    return total


def list_resources(cluster: Cluster) -> list[str]:
    """Return the resources whose values are encrypted. Raises InputError for wildcards."""
    resources = cluster.any_variables.kube_encryption_resources
    for name in resources:
        if "*" in name:
            text = f"{name!r}: keys can be rotated only for resources that are named one by one"
            raise InputError(text, file=cluster.engine.inventory.path, field="kube_encryption_resources")
    return resources


def rewrite_values(context: OperationContext, key: str) -> None:
    """Write all values again until `key` has encrypted each. Raises KprovError."""
    for _ in range(_TRIES):
        counts = count_by_key(context.cluster)
        left = counts.total() - counts[key]
        if not left:
            return
        context.say(f"  {left} of {counts.total()} values to encrypt with {key}")
        host = find_api_host(context.cluster)
        for resource in list_resources(context.cluster):
            get = kubectl_line(
                context.cluster, host, f"get {shlex.quote(resource)} -A -o json --chunk-size={_CHUNK}"
            )
            # A conflict means that another client has written the object, with the present key.
            replace = kubectl_line(context.cluster, host, "replace -f - >/dev/null 2>&1 || true")
            run_command(context.cluster, host, f"{get} | {replace}")
    counts = count_by_key(context.cluster)
    if counts.total() != counts[key]:
        others = ", ".join(
            f"{number} with {name or 'no key'}" for name, number in counts.items() if name != key
        )
        raise KprovError(f"values in etcd are not encrypted with {key}: {others}")
