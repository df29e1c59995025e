"""The Node authorizer: a kubelet may read what its own pods need, and no other's.

Source: upstream plugin/pkg/auth/authorizer/node.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.authorization.rules import Rule, allows
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.apiserver.request import RequestInfo, UserInfo

Object = dict[str, Any]
NODES_GROUP: Final = "system:nodes"
NODE_PREFIX: Final = "system:node:"
_READS: Final = frozenset({"get", "list", "watch"})
#: (namespace, plural, name) of what a pod refers to.
Reference = tuple[str, str, str]


def node_of(user: UserInfo) -> str:
    """The name of the node that a kubelet's identity stands for; "" for everybody else."""
    if NODES_GROUP in user.groups and user.name.startswith(NODE_PREFIX):
        return user.name.removeprefix(NODE_PREFIX)
    return ""


class NodeAuthorizer:
    """Keeps, for each object that pods refer to, on which nodes those pods are."""

    def __init__(self, registry: Registry, node_rules: list[Rule]) -> None:
        self._pods = registry.store("", "pods").lister
        self._rules = node_rules
        self._following = False
        self._nodes: dict[Reference, dict[str, int]] = {}
        self._of_pod: dict[str, tuple[str, frozenset[Reference]]] = {}

    def _follow(self) -> bool:
        """Whether all pods are known by now."""
        if not self._following and self._pods.synced:
            self._following = True
            self._pods.on_change(self._pod_changed)
        return self._following

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """ALLOW or NO_OPINION."""
        node = node_of(user)
        if not node or not info.is_resource_request or not self._follow():
            return Decision.NO_OPINION, ""
        plural = info.resource if not info.api_group else f"{info.resource}.{info.api_group}"
        match plural:
            case "secrets" | "configmaps":
                return self._related(node, info, _READS)
            case "persistentvolumeclaims":
                return self._related(
                    node,
                    info,
                    frozenset({"get"}) | ({"update", "patch"} if info.subresource == "status" else set()),
                )
            case "serviceaccounts" if info.subresource == "token" and info.verb == "create":
                return self._related(node, info, frozenset({"create"}))
            case "leases.coordination.k8s.io":
                own = info.name == node or (info.verb == "create" and not info.name)
                if info.namespace == "kube-node-lease" and own:
                    return Decision.ALLOW, ""
                return (
                    Decision.NO_OPINION,
                    "can only access node lease with the same name as the requesting node",
                )
        if any(allows(rule, info) for rule in self._rules):
            return Decision.ALLOW, ""
        return Decision.NO_OPINION, ""

    def _related(self, node: str, info: RequestInfo, verbs: frozenset[str]) -> tuple[Decision, str]:
        if info.verb not in verbs:
            return (
                Decision.NO_OPINION,
                f"can only {'/'.join(sorted(verbs))} individual resources of this type",
            )
        if not info.name:
            return Decision.NO_OPINION, "No Object name found"
        if node in self._nodes.get((info.namespace, info.resource, info.name), ()):
            return Decision.ALLOW, ""
        return Decision.NO_OPINION, f"no relationship found between node '{node}' and this object"

    def _pod_changed(self, kind: str, pod: Object, _previous: Object | None) -> None:
        uid = pod["metadata"]["uid"]
        node = "" if kind == "DELETED" else pod["spec"].get("nodeName", "")
        before = self._of_pod.get(uid)
        if before is not None and before[0] == node:
            return
        if before is not None:
            self._count(*before, -1)
            del self._of_pod[uid]
        if node:
            now = node, references(pod)
            self._of_pod[uid] = now
            self._count(*now, 1)

    def _count(self, node: str, of: frozenset[Reference], sign: int) -> None:
        for reference in of:
            nodes = self._nodes.setdefault(reference, {})
            nodes[node] = nodes.get(node, 0) + sign
            if not nodes[node]:
                del nodes[node]
            if not nodes:
                del self._nodes[reference]


def references(pod: Object) -> frozenset[Reference]:
    """Secrets, config maps, claims and the service account that a pod's spec names."""
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    found: set[tuple[str, str]] = {("serviceaccounts", spec.get("serviceAccountName") or "default")}
    found |= {("secrets", secret.get("name", "")) for secret in spec.get("imagePullSecrets") or ()}
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            _of_environment(container, found)
    for volume in spec.get("volumes") or ():
        _of_volume(pod, volume, found)
    return frozenset((namespace, plural, name) for plural, name in found if name)


def _of_environment(container: Object, found: set[tuple[str, str]]) -> None:
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        found.add(("secrets", (source.get("secretKeyRef") or {}).get("name", "")))
        found.add(("configmaps", (source.get("configMapKeyRef") or {}).get("name", "")))
    for source in container.get("envFrom") or ():
        found.add(("secrets", (source.get("secretRef") or {}).get("name", "")))
        found.add(("configmaps", (source.get("configMapRef") or {}).get("name", "")))


def _of_volume(pod: Object, volume: Object, found: set[tuple[str, str]]) -> None:
    found.add(("secrets", (volume.get("secret") or {}).get("secretName", "")))
    found.add(("configmaps", (volume.get("configMap") or {}).get("name", "")))
    found.add(("persistentvolumeclaims", (volume.get("persistentVolumeClaim") or {}).get("claimName", "")))
    if volume.get("ephemeral"):
        found.add(("persistentvolumeclaims", f"{pod['metadata']['name']}-{volume['name']}"))
    for source in (volume.get("projected") or {}).get("sources") or ():
        found.add(("secrets", (source.get("secret") or {}).get("name", "")))
        found.add(("configmaps", (source.get("configMap") or {}).get("name", "")))
    for kind in ("csi", "cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"):
        reference = (volume.get(kind) or {}).get("nodePublishSecretRef") or (volume.get(kind) or {}).get(
            "secretRef"
        )
        found.add(("secrets", (reference or {}).get("name", "")))
