"""Compares the objects of a snapshot with those of the running cluster: what a restore changes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from kprov.operations.cluster import Cluster
from kprov.operations.etcd.alarms import run_etcdctl_with_alarm

_ROOT = b"/registry/"
#: Kinds whose objects change all the time, and mean nothing after a restore.
_VOLATILE = frozenset({"events", "leases", "masterleases"})
#: Resources whose keys have another name.
_NAMES = {"minions": "nodes"}
_SHOWN = 20
#: Names that are shown of the objects of a kind with the same change.
_NAMED = 5
_ACTIONS = ("restored", "removed", "changed back")


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
    """Return a line for each kind of objects that a restore changes, with the names of the first ones."""
    changes: dict[str, dict[str, list[str]]] = {}
    for key in sorted(snapshot.keys() | live.keys()):
        kind = find_kind(key)
        if not kind or kind in _VOLATILE or snapshot.get(key) == live.get(key):
            continue
        action = "restored" if key not in live else "removed" if key not in snapshot else "changed back"
        changes.setdefault(kind, {}).setdefault(action, []).append(find_name(key))
    lines = [
        f"{kind}: {', '.join(_count(actions[action], action) for action in _ACTIONS if action in actions)}"
        for kind, actions in sorted(changes.items())
    ]
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more kinds of objects"]
    return lines


def _count(names: list[str], action: str) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {action} ({', '.join(names[:_NAMED])}{more})"


def find_name(key: bytes) -> str:
    """Return the object of a key of the API server, as NAMESPACE/NAME or NAME."""
    return _split(key)[1]


def find_kind(key: bytes) -> str:
    """Return the resource of a key of the API server, such as `configmaps`; empty for other keys."""
    return _split(key)[0]


def _split(key: bytes) -> tuple[str, str]:
    """Return the resource and the object of a key.

    Keys of some groups begin with the group, such as /registry/apiregistration.k8s.io/apiservices/NAME;
    services and endpoints share a folder.
    """
    if not key.startswith(_ROOT):
        return "", ""
    first, *rest = key[len(_ROOT) :].decode("utf-8", "replace").split("/")
    if "." in first and len(rest) > 1:
        return f"{rest[0]}.{first}", "/".join(rest[1:])
    if first == "services" and len(rest) > 1:
        return "services" if rest[0] == "specs" else rest[0], "/".join(rest[1:])
    return _NAMES.get(first, first), "/".join(rest)
