"""The pod fields that a fieldRef may name (pkg/fieldpath)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import NodeName

_SUBSCRIPT: Final = re.compile(r"(metadata\.(?:labels|annotations))\['(.+)'\]")


class UnsupportedFieldError(ValueError):
    """The downward API does not have this path."""


@dataclass(frozen=True, slots=True)
class NodeFields:
    """Fields of a pod that its spec does not have but the node has."""

    pod_ips: list[str] = field(default_factory=list)
    host_ips: list[str] = field(default_factory=list)
    node_name: NodeName = NodeName("")  # noqa: RUF009  it is a str


def render_field(pod: Pod, path: str, fields: NodeFields) -> str:
    """Return the text of a field. Raises UnsupportedFieldError."""
    meta = pod.metadata
    maps = {"metadata.labels": meta.labels, "metadata.annotations": meta.annotations}
    if match := _SUBSCRIPT.fullmatch(path):
        return maps[match[1]].get(match[2], "")
    if path in maps:
        return render_map(maps[path])
    known = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "spec.nodeName": fields.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": fields.host_ips[0] if fields.host_ips else "",
        "status.hostIPs": ",".join(fields.host_ips),
        "status.podIP": fields.pod_ips[0] if fields.pod_ips else "",
        "status.podIPs": ",".join(fields.pod_ips),
    }
    if path not in known:
        raise UnsupportedFieldError(f"unsupported fieldPath: {path}")
    return known[path]


def render_map(values: Mapping[str, str]) -> str:
    """`key="value"` lines, sorted, values quoted as Go's %q does."""
    return "\n".join(f"{key}={_quote(values[key])}" for key in sorted(values))


def _quote(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'
