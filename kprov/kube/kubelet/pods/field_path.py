"""The pod fields that the downward API gives out (pkg/fieldpath)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.kubelet.pods.pod_queries import Pod

_SUBSCRIPT: Final = re.compile(r"(metadata\.(?:labels|annotations))\['(.+)'\]")


class UnsupportedFieldError(ValueError):
    """A path that the downward API does not know."""


def value(pod: Pod, path: str, runtime: Mapping[str, Any]) -> str:
    """Text of a field. ``runtime`` holds what the node knows: podIPs, hostIPs, nodeName."""
    meta = pod["metadata"]
    if match := _SUBSCRIPT.fullmatch(path):
        return str((meta.get(match[1].removeprefix("metadata.")) or {}).get(match[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        return formatted_map(meta.get(path.removeprefix("metadata.")) or {})
    if path in {"metadata.name", "metadata.namespace", "metadata.uid"}:
        return str(meta.get(path.removeprefix("metadata."), ""))
    pod_ips, host_ips = runtime.get("podIPs") or [], runtime.get("hostIPs") or []
    known = {
        "spec.nodeName": runtime.get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
        "status.hostIP": host_ips[0] if host_ips else "",
        "status.hostIPs": ",".join(host_ips),
        "status.podIP": pod_ips[0] if pod_ips else "",
        "status.podIPs": ",".join(pod_ips),
    }
    if path not in known:
        raise UnsupportedFieldError(f"unsupported fieldPath: {path}")
    return str(known[path])


def formatted_map(values: Mapping[str, str]) -> str:
    """``key="value"`` lines, sorted, values quoted as Go's %q does."""
    return "\n".join(f"{key}={_quoted(values[key])}" for key in sorted(values))


def _quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'
