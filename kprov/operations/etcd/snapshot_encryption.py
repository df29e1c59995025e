"""Checks before a restore that the cluster can decrypt what a snapshot has.

A key that was rotated away is neither in artifacts/ nor on the hosts. The API server could read nothing that
it had encrypted, and the restore would find that out only when the data is exchanged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from kprov.errors import HostError, InputError, KprovError
from kprov.operations.cluster import Cluster, SeveralHostsError
from kprov.operations.etcd.differences import find_kind
from kprov.operations.etcd.snapshot_content import SnapshotContent
from kprov.operations.remote import run_command
from kprov.pki import encryption_keys

#: The name of a key in an EncryptionConfiguration.
_NAME = re.compile(r"^\s*-\s*name:\s*[\"']?([^\"'\s]+)", re.MULTILINE)


def check_encryption(cluster: Cluster, snapshot: SnapshotContent, servers: Collection[str]) -> None:
    """Raise InputError if a key of the snapshot is not in artifacts/ or not on a host with an API server."""
    if not snapshot.encryption:
        return
    file = cluster.artifacts / "pki" / encryption_keys.NAME
    keys = encryption_keys.load_keys(file.parent)
    names = keys.names if keys is not None else []
    missing = describe_missing_keys(snapshot.encryption, names)
    if missing:
        own = f"has only {', '.join(names)}" if names else "does not exist"
        raise InputError(
            f"the snapshot has {missing}, and this file {own}: nobody could read these objects after the "
            "restore. Take that key from a copy of this file of the time of the snapshot, add it to the end "
            "of `keys`, run `kprov up --tags kube_apiserver`, and repeat. After the restore, `kprov secrets "
            "rewrite` encrypts all with the present key",
            file=file,
            field="keys",
        )
    errors = [error for host in servers if (error := _find_host_problem(cluster, host, snapshot)) is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralHostsError(errors)


def describe_missing_keys(encryption: Mapping[bytes, str], names: Collection[str]) -> str:
    """Return which objects need which key that is not one of `names`; empty if none does."""
    kinds: dict[str, Counter[str]] = {}
    for key, name in encryption.items():
        if name not in names:
            kinds.setdefault(name, Counter())[find_kind(key) or "other keys"] += 1
    return ", ".join(
        f"{' and '.join(f'{number} {kind}' for kind, number in sorted(counts.items()))} encrypted with {name}"
        for name, counts in sorted(kinds.items())
    )


def _find_host_problem(cluster: Cluster, host: str, snapshot: SnapshotContent) -> KprovError | None:
    path = f"{cluster.variables[host].kube_config_dir}/encryption-config.yaml"
    text = run_command(cluster, host, f"cat {path} 2>/dev/null || true")
    missing = describe_missing_keys(snapshot.encryption, _NAME.findall(text))
    if not missing:
        return None
    return HostError(
        host,
        f"the snapshot has {missing}, and {path} does not have that key: run `kprov up --tags "
        "kube_apiserver` before the restore",
    )
