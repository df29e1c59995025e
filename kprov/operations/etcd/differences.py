"""Compares the objects of a snapshot with those of the running cluster: what a restore changes."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping

from kprov.operations.cluster import Cluster
from kprov.operations.etcd.alarms import run_etcdctl_with_alarm

_ROOT = b"/registry/"
#: Kinds whose objects change all the time, and mean nothing after a restore.
_VOLATILE = frozenset({"events", "leases", "masterleases"})
#: Resources whose keys have another name.
_NAMES = {"minions": "nodes"}
_SHOWN = 20


def read_live_keys(cluster: Cluster) -> tuple[int, dict[bytes, int]]:
    """Return etcd's revision, and the revision of the last change of each key. Raises KprovError."""
    output = run_etcdctl_with_alarm(
        cluster, "--command-timeout=60s get /registry/ --prefix --keys-only -w json"
    )
    document = json.loads(output)
    entries = document.get("kvs") or []
    keys = {base64.b64decode(entry["key"]): int(entry["mod_revision"]) for entry in entries}
    return int(document["header"]["revision"]), keys


def read_live_revision(cluster: Cluster) -> int:
    """Return etcd's revision. Raises KprovError."""
    document = json.loads(run_etcdctl_with_alarm(cluster, "get / --prefix --keys-only --limit=1 -w json"))
    return int(document["header"]["revision"])


def describe_differences(snapshot: Mapping[bytes, int], live: Mapping[bytes, int]) -> list[str]:
    """Return a line for each kind of objects that a restore changes."""
    back: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    older: Counter[str] = Counter()
    for key in snapshot.keys() | live.keys():
        kind = find_kind(key)
        if not kind or kind in _VOLATILE:
            continue
        if key not in live:
            back[kind] += 1
        elif key not in snapshot:
            gone[kind] += 1
        elif snapshot[key] != live[key]:
            older[kind] += 1
    lines = []
    for kind in sorted(back.keys() | gone.keys() | older.keys()):
        parts = [
            f"{count[kind]} {text}"
            for count, text in ((back, "restored"), (gone, "removed"), (older, "changed back"))
            if count[kind]
        ]
        lines.append(f"{kind}: {', '.join(parts)}")
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more kinds of objects"]
    return lines


def find_kind(key: bytes) -> str:
    """Return the resource of a key of the API server, such as `configmaps`; empty for other keys.

    Keys of some groups begin with the group, such as /registry/apiregistration.k8s.io/apiservices/NAME.
    """
    if not key.startswith(_ROOT):
        return ""
    parts = key[len(_ROOT) :].decode("utf-8", "replace").split("/")
    if "." in parts[0] and len(parts) > 2:
        return f"{parts[1]}.{parts[0]}"
    return _NAMES.get(parts[0], parts[0])
