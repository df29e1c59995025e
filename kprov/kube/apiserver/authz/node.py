"""The Node authorizer: a kubelet may read the objects that its own pods need.

Source: upstream plugin/pkg/auth/authorizer/node/node_authorizer.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from kprov.kube.apiserver.authz.node_graph import SOURCES, Graph
from kprov.kube.apiserver.authz.rules import allows
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectReader, ObjectStores
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

NODES_GROUP: Final = "system:nodes"
NODE_PREFIX: Final = "system:node:"
LEASES_NAMESPACE: Final = "kube-node-lease"
_READS: Final = frozenset({"get", "list", "watch"})
_OWN_OBJECT: Final = frozenset({"get", "create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Answer:
    """`unrelated`: the only reason is that no pod of the node in the cache needs the object."""

    decision: Decision
    reason: str = ""
    unrelated: bool = False


_YES: Final = Answer(Decision.ALLOW)


def _no_opinion(reason: str = "") -> Answer:
    return Answer(Decision.NO_OPINION, reason)


def find_node_name(user: UserInfo) -> str:
    """Return the node name of a kubelet's user, "" for other users."""
    if NODES_GROUP in user.groups and user.name.startswith(NODE_PREFIX):
        return user.name.removeprefix(NODE_PREFIX)
    return ""


class NodeAuthorizer:
    """Follows the watch cache from the first request after it is filled; no opinion before."""

    def __init__(
        self, listers: Mapping[str, CacheReader], pods: ObjectReader, node_rules: list[JsonObject]
    ) -> None:
        """listers: by plural, of all SOURCES of the graph. node_rules: of the role system:node."""
        self._listers = listers
        self._pods = pods
        self._rules = node_rules
        self._graph: Graph | None = None
        self._rights: dict[str, Callable[[str, RequestInfo], Answer]] = {
            "secrets": self._check_read,
            "configmaps": self._check_read,
            "persistentvolumeclaims": self._check_claim,
            "persistentvolumes": self._check_get,
            "resourceclaims.resource.k8s.io": self._check_get,
            "volumeattachments.storage.k8s.io": self._check_get,
            "serviceaccounts": self._check_service_account,
            "leases.coordination.k8s.io": _check_lease,
            "csinodes.storage.k8s.io": _check_csi_node,
            "resourceslices.resource.k8s.io": self._check_resource_slice,
            "nodes": _check_node,
            "pods": self._check_pod,
        }

    @classmethod
    def from_stores(cls, stores: ObjectStores, node_rules: list[JsonObject]) -> Self:
        listers = {plural: stores.store(group, plural).lister for plural, group in SOURCES.items()}
        return cls(listers, stores.store("", "pods"), node_rules)

    def _follow(self) -> Graph | None:
        if self._graph is None and all(lister.synced for lister in self._listers.values()):
            self._graph = Graph()
            self._graph.follow(self._listers)
        return self._graph

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """ALLOW or NO_OPINION, and the reason."""
        answer = await self._decide(user, info)
        return answer.decision, answer.reason

    async def _decide(self, user: UserInfo, info: RequestInfo) -> Answer:
        if NODES_GROUP not in user.groups or not user.name.startswith(NODE_PREFIX):
            return _no_opinion()
        node = find_node_name(user)
        if not node:
            return _no_opinion(f'unknown node for user "{user.name}"')
        if info.is_resource_request:
            plural = info.resource if not info.api_group else f"{info.resource}.{info.api_group}"
            right = self._rights.get(plural)
            if right is not None:
                answer = right(node, info)
                if answer.unrelated:
                    # The kubelet may have its pod from another server whose cache is ahead.
                    with contextlib.suppress(StatusError):
                        await self._pods.catch_up()
                        answer = right(node, info)
                return answer
        if any(allows(rule, info) for rule in self._rules):
            return _YES
        return _no_opinion()

    def _check_related(self, node: str, info: RequestInfo) -> Answer:
        if not info.name:
            return _no_opinion("No Object name found")
        graph = self._follow()
        if graph is not None and graph.is_related(node, info.resource, info.namespace, info.name):
            return _YES
        reason = f"no relationship found between node '{node}' and this object"
        return Answer(Decision.NO_OPINION, reason, unrelated=True)

    def _check_read(self, node: str, info: RequestInfo) -> Answer:
        if info.verb not in _READS:
            return _no_opinion("can only read resources of this type")
        if info.subresource:
            return _no_opinion("cannot read subresource")
        if not info.namespace:
            return _no_opinion("can only read namespaced object of this type")
        return self._check_related(node, info)

    def _check_get(self, node: str, info: RequestInfo) -> Answer:
        if info.verb != "get":
            return _no_opinion("can only get individual resources of this type")
        if info.subresource:
            return _no_opinion("cannot get subresource")
        return self._check_related(node, info)

    def _check_claim(self, node: str, info: RequestInfo) -> Answer:
        if info.subresource != "status":
            return self._check_get(node, info)
        if info.verb not in {"update", "patch"}:
            return _no_opinion("can only get/update/patch this type")
        return self._check_related(node, info)

    def _check_service_account(self, node: str, info: RequestInfo) -> Answer:
        if info.verb == "get" and not info.subresource:
            return self._check_read(node, info)
        if info.verb != "create" or not info.name:
            return _no_opinion("can only create tokens for individual service accounts")
        if info.subresource != "token":
            return _no_opinion("can only create token subresource of serviceaccount")
        return self._check_related(node, info)

    def _check_resource_slice(self, node: str, info: RequestInfo) -> Answer:
        if info.subresource:
            return _no_opinion("cannot authorize ResourceSlice subresources")
        if info.verb == "create":
            return _YES
        if info.verb in {"get", "update", "patch", "delete"}:
            return self._check_related(node, info)
        if ("spec.nodeName", node) in info.selected_fields:
            return _YES
        return _no_opinion("can only list/watch/deletecollection resourceslices with nodeName field selector")

    def _check_pod(self, node: str, info: RequestInfo) -> Answer:
        match info.subresource, info.verb:
            case "", "get":
                return self._check_get(node, info)
            case "", "list" | "watch":
                if ("spec.nodeName", node) in info.selected_fields:
                    return _YES
                if info.name:
                    return self._check_related(node, info)
                return _no_opinion("can only list/watch pods with spec.nodeName field selector")
            case ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create"):
                # NodeRestriction checks the node of the pod.
                return _YES
        return _no_opinion()


def _check_lease(node: str, info: RequestInfo) -> Answer:
    if info.verb not in _OWN_OBJECT:
        return _no_opinion("can only get, create, update, patch, or delete a node lease")
    if info.namespace != LEASES_NAMESPACE:
        return _no_opinion(f'can only access leases in the "{LEASES_NAMESPACE}" system namespace')
    # The name of a new object is in the body, which NodeRestriction checks.
    if info.verb != "create" and info.name != node:
        return _no_opinion("can only access node lease with the same name as the requesting node")
    return _YES


def _check_csi_node(node: str, info: RequestInfo) -> Answer:
    if info.verb not in _OWN_OBJECT:
        return _no_opinion("can only get, create, update, patch, or delete a CSINode")
    if info.subresource:
        return _no_opinion("cannot authorize CSINode subresources")
    if info.verb != "create" and info.name != node:
        return _no_opinion("can only access CSINode with the same name as the requesting node")
    return _YES


def _check_node(node: str, info: RequestInfo) -> Answer:
    match info.subresource, info.verb:
        case ("", "create" | "update" | "patch") | ("status", "update" | "patch"):
            return _YES
        case "", "get" | "list" | "watch":
            if info.name == node:
                return _YES
            what = f"'{info.name}'" if info.name else "all nodes"
            return _no_opinion(f"node '{node}' cannot read {what}, only its own Node object")
    return _no_opinion()
