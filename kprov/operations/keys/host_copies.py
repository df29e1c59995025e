"""Reads the certificates and keys of a cluster from its hosts. What a host answers is data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kprov.errors import PreflightError
from kprov.operations.cluster import Cluster, run_read_only
from kprov.operations.keys.host_files import list_files
from kprov.operations.keys.recovery import Copy

#: The administrator's certificate and key, which hosts have in a kubeconfig.
ADMIN = "admin"
#: The EncryptionConfiguration with the keys of `encryption.json`.
ENCRYPTION = "encryption-config.yaml"
_REGISTRY = "/etc/docker/registry/kprov"
#: No file of a cluster's PKI is near it.
_LARGEST = 64 * 1024


def read_copies(cluster: Cluster, hosts: list[str]) -> Iterator[tuple[str, Copy]]:
    """Yield the files of the hosts, each with its name below `pki/`. Raises PreflightError."""
    with ThreadPoolExecutor(max_workers=max(1, min(cluster.engine.options.forks, len(hosts)))) as pool:
        for copies in pool.map(lambda host: _read_host(cluster, host), hosts):
            yield from copies


def _read_host(cluster: Cluster, host: str) -> list[tuple[str, Copy]]:
    paths = _list_paths(cluster, host)
    results = run_read_only(cluster, host, "slurp", [{"src": path} for path in paths])
    if len(results) != len(paths):
        raise PreflightError(host, "does not answer with its certificates and keys")
    contents = {path: _decode(host, path, result) for path, result in zip(paths, results, strict=True)}
    return [
        (paths[path], Copy(host, path, content)) for path, content in contents.items() if content is not None
    ]


def _list_paths(cluster: Cluster, host: str) -> dict[str, str]:
    """Return the names below `pki/` by the paths on the host."""
    paths = list_files(cluster, host, signing_key=True)
    # Beside each certificate of the host's own is its key.
    own = {path: name for path, name in paths.items() if name.startswith("hosts/")}
    own[f"{_REGISTRY}.crt"] = f"hosts/{host}/registry.crt"
    paths |= own | {
        f"{path.removesuffix('.crt')}.key": f"{name.removesuffix('.crt')}.key" for path, name in own.items()
    }
    if "kube_control_plane" in cluster.engine.inventory.group_names(host):
        folder = cluster.variables[host].kube_config_dir
        paths |= {f"{folder}/admin.conf": ADMIN, f"{folder}/{ENCRYPTION}": ENCRYPTION}
    return paths


def _decode(host: str, path: str, result: dict[str, Any]) -> bytes | None:
    """Return a file's content; None if the host does not have it."""
    if result.get("failed"):
        return None
    content = result.get("content")
    if not isinstance(content, str) or len(content) > _LARGEST:
        raise PreflightError(host, f"{path} is not a certificate or key: it is too large, or no text")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PreflightError(host, f"answers for {path} what is not base64") from error
