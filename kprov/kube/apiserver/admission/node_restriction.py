"""NodeRestriction: a kubelet writes its own node, its own pods, its own lease, and no labels above its station.

Source: upstream plugin/pkg/admission/noderestriction.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.admission.service_account import MIRROR
from kprov.kube.apiserver.authorization.node import node_of
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import status

Object = dict[str, Any]
_LABEL_DOMAINS: Final = ("kubernetes.io", "k8s.io")
_OWN_DOMAINS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OWN_LABELS: Final = frozenset({
    "kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region", "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
    "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type",
})  # fmt: skip


class NodeRestriction(AdmissionPlugin):
    name = "NodeRestriction"
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(self, registry: Registry) -> None:
        self._pods = registry.store("", "pods")

    async def admit(self, attributes: Attributes) -> None:
        node = node_of(attributes.context.user)
        if not node:
            return
        match (attributes.resource.group, attributes.resource.plural):
            case ("", "pods"):
                await self._pod(attributes, node)
            case ("", "nodes"):
                _node(attributes, node)
            case ("coordination.k8s.io", "leases"):
                name = attributes.name or (attributes.obj or {}).get("metadata", {}).get("name", "")
                if attributes.namespace != "kube-node-lease" or name != node:
                    raise _refused(
                        attributes, "can only access node lease with the same name as the requesting node"
                    )
            case ("", "serviceaccounts") if attributes.subresource == "token":
                await self._token(attributes, node)

    async def _pod(self, attributes: Attributes, node: str) -> None:
        pod = attributes.obj
        if attributes.subresource == "eviction":
            return
        if attributes.operation == "CREATE" and not attributes.subresource:
            spec = (pod or {}).get("spec", {})
            if MIRROR not in ((pod or {})["metadata"].get("annotations") or {}):
                raise _refused(
                    attributes,
                    f"pod does not have {MIRROR!r} annotation, node {node!r} can only create mirror pods",
                )
            if spec.get("nodeName") != node:
                raise _refused(
                    attributes, f"node {node!r} can only create pods with spec.nodeName set to itself"
                )
            return
        current = attributes.old or self._pods.lister.get(attributes.namespace, attributes.name)
        if current is not None and current["spec"].get("nodeName") != node:
            what = "delete" if attributes.operation == "DELETE" else "update pod status for"
            raise _refused(attributes, f"node {node!r} can only {what} pods with spec.nodeName set to itself")

    async def _token(self, attributes: Attributes, node: str) -> None:
        reference = ((attributes.obj or {}).get("spec") or {}).get("boundObjectRef") or {}
        if reference.get("kind") != "Pod":
            raise _refused(attributes, "node requested token not bound to a pod")
        pod = self._pods.lister.get(attributes.namespace, reference.get("name", ""))
        if (
            pod is None
            or pod["metadata"]["uid"] != reference.get("uid")
            or pod["spec"].get("nodeName") != node
        ):
            raise _refused(attributes, "node requested token bound to a pod scheduled on a different node")


def _node(attributes: Attributes, node: str) -> None:
    name = attributes.name or (attributes.obj or {}).get("metadata", {}).get("name", "")
    if name != node:
        raise _refused(attributes, f"node {node!r} is not allowed to modify node {name!r}")
    if attributes.operation == "DELETE" or attributes.obj is None:
        return
    labels = attributes.obj["metadata"].get("labels") or {}
    old = ((attributes.old or {}).get("metadata") or {}).get("labels") or {}
    changed = {key for key in labels.keys() | old.keys() if labels.get(key) != old.get(key)}
    bad = sorted(key for key in changed if _forbidden_label(key))
    if bad:
        raise _refused(attributes, f"is not allowed to modify labels: {', '.join(bad)}")
    if attributes.operation == "UPDATE" and attributes.old is not None:
        if (attributes.old.get("spec") or {}).get("taints") != (attributes.obj.get("spec") or {}).get(
            "taints"
        ):
            raise _refused(attributes, f"node {node!r} is not allowed to modify taints")


def _forbidden_label(key: str) -> bool:
    domain, slash, _ = key.partition("/")
    if not slash or key in _OWN_LABELS:
        return False
    if any(domain == own or domain.endswith("." + own) for own in _OWN_DOMAINS):
        return False
    return any(domain == base or domain.endswith("." + base) for base in _LABEL_DOMAINS)


def _refused(attributes: Attributes, text: str) -> status.StatusError:
    return status.forbidden(attributes.resource, attributes.name, text)
