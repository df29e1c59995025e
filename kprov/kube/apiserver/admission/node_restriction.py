"""NodeRestriction: a kubelet may write only its own node, pods and lease, and only some labels.

Source: upstream plugin/pkg/admission/noderestriction/admission.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Self

from kprov.kube.apiserver.admission import node_components
from kprov.kube.apiserver.admission.certificates import find_common_name
from kprov.kube.apiserver.admission.node_components import NodeComponents
from kprov.kube.apiserver.admission.node_labels import find_forbidden_labels
from kprov.kube.apiserver.admission.plugin import Attributes, WantsAuthorizer, forbidden_error
from kprov.kube.apiserver.admission.token_audience import TokenAudiences
from kprov.kube.apiserver.authz.node import LEASES_NAMESPACE, NODE_PREFIX, NODES_GROUP, find_node_name
from kprov.kube.apiserver.authz.node_graph import MIRROR
from kprov.kube.apiserver.authz.pod_references import find_api_object
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

_CHANGEABLE_CLAIM_STATUS: Final = (
    "capacity",
    "conditions",
    "allocatedResourceStatuses",
    "allocatedResources",
)


class NodeRestriction(WantsAuthorizer):
    name = "NodeRestriction"
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(
        self,
        pods: ObjectReader,
        nodes: ObjectReader,
        audiences: TokenAudiences,
        components: NodeComponents,
    ) -> None:
        self._components = components
        self._pods = pods
        self._nodes = nodes
        self._audiences = audiences
        self._rules: dict[tuple[str, str], Callable[[Attributes, str], Awaitable[None]]] = {
            ("", "pods"): self._check_pod,
            ("", "nodes"): _check_node,
            ("", "persistentvolumeclaims"): _check_claim,
            ("", "serviceaccounts"): self._check_token,
            ("coordination.k8s.io", "leases"): _check_lease,
            ("storage.k8s.io", "csinodes"): _check_csi_node,
            ("resource.k8s.io", "resourceslices"): _check_resource_slice,
            ("certificates.k8s.io", "certificatesigningrequests"): _check_signing_request,
        }
        self.resources = frozenset(self._rules) | components.resources

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        audiences = TokenAudiences(
            drivers=stores.store("storage.k8s.io", "csidrivers").lister,
            claims=stores.store("", "persistentvolumeclaims").lister,
            volumes=stores.store("", "persistentvolumes").lister,
        )
        components = NodeComponents.from_stores(stores)
        return cls(stores.store("", "pods"), stores.store("", "nodes"), audiences, components)

    async def admit(self, attributes: Attributes) -> None:
        user = attributes.context.user
        if user.name in node_components.USERS:
            await self._components.check(attributes)
            return
        if NODES_GROUP not in user.groups or not user.name.startswith(NODE_PREFIX):
            return
        node = find_node_name(user)
        if not node:
            raise forbidden_error(attributes, f'could not determine node from user "{user.name}"')
        rule = self._rules.get((attributes.resource.group, attributes.resource.plural))
        if rule is not None:
            await rule(attributes, node)

    async def _check_pod(self, attributes: Attributes, node: str) -> None:
        match attributes.subresource, attributes.operation:
            case "", "CREATE":
                await self._check_mirror_pod(attributes, node)
            case "", "DELETE":
                await self._check_own_pod(attributes, f'node "{node}" can only delete pods', node)
            case "", operation:
                text = f'node "{node}" can only create and delete mirror pods'
                raise forbidden_error(attributes, f'unexpected operation "{operation}", {text}')
            case "status", _:
                _check_pod_status(attributes, node)
            case "eviction", _:
                await self._check_own_pod(attributes, f"node {node} can only evict pods", node)
            case subresource, _:
                text = (
                    f"unexpected pod subresource \"{subresource}\", only 'status' and 'eviction' are allowed"
                )
                raise forbidden_error(attributes, text)

    async def _check_own_pod(self, attributes: Attributes, what: str, node: str) -> None:
        pod = await self._find(self._pods, attributes.namespace, attributes.name)
        if pod["spec"].get("nodeName") != node:
            raise forbidden_error(attributes, f"{what} with spec.nodeName set to itself")

    async def _check_mirror_pod(self, attributes: Attributes, node: str) -> None:
        pod = attributes.obj or {}
        metadata, quoted = pod["metadata"], f'node "{node}"'
        if MIRROR not in (metadata.get("annotations") or {}):
            text = f'pod does not have "{MIRROR}" annotation, {quoted} can only create mirror pods'
            raise forbidden_error(attributes, text)
        if pod["spec"].get("nodeName") != node:
            raise forbidden_error(
                attributes, f"{quoted} can only create pods with spec.nodeName set to itself"
            )
        owners = metadata.get("ownerReferences") or []
        if len(owners) > 1:
            text = f"{quoted} can only create pods with a single owner reference set to itself"
            raise forbidden_error(attributes, text)
        owner = owners[0] if owners else {}
        if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
            raise forbidden_error(
                attributes, f"{quoted} can only create pods with an owner reference set to itself"
            )
        if not owner.get("controller"):
            text = f"{quoted} can only create pods with a controller owner reference set to itself"
            raise forbidden_error(attributes, text)
        if owner.get("blockOwnerDeletion"):
            raise forbidden_error(
                attributes, f"{quoted} must not set blockOwnerDeletion on an owner reference"
            )
        uid = (await self._find(self._nodes, "", node))["metadata"]["uid"]
        if owner.get("uid") != uid:
            text = f"node {node} UID mismatch: expected {owner.get('uid', '')} got {uid}"
            raise forbidden_error(attributes, text)
        kept = find_api_object(pod)
        if kept:
            raise forbidden_error(attributes, f"{quoted} can not create pods that reference {kept}")

    async def _check_token(self, attributes: Attributes, node: str) -> None:
        if attributes.operation != "CREATE" or attributes.subresource != "token":
            return
        spec = (attributes.obj or {}).get("spec") or {}
        bound = spec.get("boundObjectRef") or {}
        if (bound.get("apiVersion"), bound.get("kind")) != ("v1", "Pod") or not bound.get("name"):
            raise forbidden_error(attributes, "node requested token not bound to a pod")
        if not bound.get("uid"):
            raise forbidden_error(attributes, "node requested token with a pod binding without a uid")
        pod = await self._find(self._pods, attributes.namespace, bound["name"], bound["uid"])
        if pod["metadata"]["uid"] != bound["uid"]:
            text = (
                f"the UID in the bound object reference ({bound['uid']}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise forbidden_error(attributes, text)
        if pod["spec"].get("nodeName") != node:
            raise forbidden_error(
                attributes, "node requested token bound to a pod scheduled on a different node"
            )
        await self._check_audience(attributes, pod, spec.get("audiences") or [])

    async def _check_audience(self, attributes: Attributes, pod: JsonObject, audiences: list[str]) -> None:
        if len(audiences) > 1:
            raise forbidden_error(attributes, "node may only request 0 or 1 audiences")
        audience = audiences[0] if audiences else ""
        if self._audiences.has_audience(pod, audience):
            return
        user = attributes.context.user
        info = RequestInfo(
            path="", verb="request-serviceaccounts-token-audience", is_resource_request=True,
            api_version="v1", namespace=attributes.namespace, resource=audience, name=attributes.name,
        )  # fmt: skip
        decision, _ = await self.authorizer.authorize(user, info)
        if decision is not Decision.ALLOW:
            text = (
                f'audience "{audience}" not found in pod spec volume, {user.name} is not authorized to '
                "request tokens for this audience"
            )
            raise forbidden_error(attributes, text)

    async def _find(self, objects: ObjectReader, namespace: str, name: str, uid: str = "") -> JsonObject:
        """Find an object in the cache; wait until it is fresh before a 404. Raise StatusError 404."""
        obj = objects.lister.get(namespace, name)
        if obj is None or (uid and obj["metadata"]["uid"] != uid):
            await objects.catch_up()
            obj = objects.lister.get(namespace, name)
        if obj is None:
            # Upstream's listers have the resource in the singular in this message.
            raise status.not_found(objects.resource.singular, name)
        return obj


def _check_pod_status(attributes: Attributes, node: str) -> None:
    if attributes.operation != "UPDATE":
        raise forbidden_error(attributes, f'unexpected operation "{attributes.operation}"')
    old, new = attributes.old or {}, attributes.obj or {}
    if old["spec"].get("nodeName") != node:
        text = f'node "{node}" can only update pod status for pods'
        raise forbidden_error(attributes, f"{text} with spec.nodeName set to itself")
    if (old["metadata"].get("labels") or {}) != (new["metadata"].get("labels") or {}):
        raise forbidden_error(attributes, f'node "{node}" cannot update labels through pod status')
    before, after = old.get("status") or {}, new.get("status") or {}
    if (before.get("resourceClaimStatuses") or []) != (after.get("resourceClaimStatuses") or []):
        raise forbidden_error(attributes, f'node "{node}" cannot update resource claim statues')
    if before.get("extendedResourceClaimStatus") != after.get("extendedResourceClaimStatus"):
        raise forbidden_error(attributes, f'node "{node}" cannot update extended resource claim status')


async def _check_node(attributes: Attributes, node: str) -> None:
    obj, old = attributes.obj, attributes.old
    name = attributes.name or (obj or {}).get("metadata", {}).get("name", "")
    if name != node:
        raise forbidden_error(attributes, f'node "{node}" is not allowed to modify node "{name}"')
    if obj is None:
        return
    if attributes.operation == "CREATE":
        _check_new_node(attributes, node, obj)
    elif old is not None:
        _check_node_update(attributes, node, obj, old)


def _check_new_node(attributes: Attributes, node: str, obj: JsonObject) -> None:
    if (obj.get("spec") or {}).get("configSource") is not None:
        text = f'node "{node}" is not allowed to create pods with a non-nil configSource'
        raise forbidden_error(attributes, text)
    bad = find_forbidden_labels(obj["metadata"].get("labels") or {}, {})
    if bad:
        text = f'node "{node}" is not allowed to set the following labels: {", ".join(bad)}'
        raise forbidden_error(attributes, text)


def _check_node_update(attributes: Attributes, node: str, obj: JsonObject, old: JsonObject) -> None:
    spec, old_spec = obj.get("spec") or {}, old.get("spec") or {}
    source = spec.get("configSource")
    if source is not None and source != old_spec.get("configSource"):
        text = f'node "{node}" is not allowed to update configSource to a new non-nil configSource'
        raise forbidden_error(attributes, text)
    if old_spec.get("taints") != spec.get("taints"):
        raise forbidden_error(attributes, f'node "{node}" is not allowed to modify taints')
    if old["metadata"].get("ownerReferences") != obj["metadata"].get("ownerReferences"):
        raise forbidden_error(attributes, f'node "{node}" is not allowed to modify ownerReferences')
    labels, old_labels = obj["metadata"].get("labels") or {}, old["metadata"].get("labels") or {}
    bad = find_forbidden_labels(labels, old_labels)
    if bad:
        raise forbidden_error(attributes, f"is not allowed to modify labels: {', '.join(bad)}")


async def _check_claim(attributes: Attributes, node: str) -> None:
    if attributes.subresource != "status":
        raise forbidden_error(attributes, "may only update PVC status")
    if attributes.operation != "UPDATE":
        raise forbidden_error(attributes, f'unexpected operation "{attributes.operation}"')
    if _remove_kubelet_fields(attributes.obj or {}) != _remove_kubelet_fields(attributes.old or {}):
        text = (
            f'node "{node}" is not allowed to update fields other than status.quantity and status.conditions'
        )
        raise forbidden_error(attributes, text)


def _remove_kubelet_fields(claim: JsonObject) -> JsonObject:
    """Copy a claim without the fields that a kubelet may change."""
    metadata = {
        key: value
        for key, value in claim["metadata"].items()
        if key not in {"resourceVersion", "managedFields"}
    }
    rest = {
        key: value
        for key, value in (claim.get("status") or {}).items()
        if key not in _CHANGEABLE_CLAIM_STATUS
    }
    return {**claim, "metadata": metadata, "status": rest}


async def _check_lease(attributes: Attributes, node: str) -> None:
    if attributes.namespace != LEASES_NAMESPACE:
        raise forbidden_error(
            attributes, f'can only access leases in the "{LEASES_NAMESPACE}" system namespace'
        )
    if _find_name(attributes) != node:
        raise forbidden_error(
            attributes, "can only access node lease with the same name as the requesting node"
        )


async def _check_csi_node(attributes: Attributes, node: str) -> None:
    if _find_name(attributes) != node:
        raise forbidden_error(attributes, "can only access CSINode with the same name as the requesting node")


async def _check_resource_slice(attributes: Attributes, node: str) -> None:
    text = {
        "CREATE": "can only create ResourceSlice with the same NodeName as the requesting node",
        "DELETE": "can only delete ResourceSlice with the same NodeName as the requesting node",
    }.get(attributes.operation)
    obj = attributes.obj if attributes.operation == "CREATE" else attributes.old
    if text and ((obj or {}).get("spec") or {}).get("nodeName") != node:
        raise forbidden_error(attributes, text)


async def _check_signing_request(attributes: Attributes, node: str) -> None:
    """Let a kubelet request certificates for its own name only."""
    if attributes.operation != "CREATE" or attributes.obj is None:
        return
    spec = attributes.obj.get("spec") or {}
    if spec.get("signerName") not in {
        "kubernetes.io/kubelet-serving",
        "kubernetes.io/kube-apiserver-client-kubelet",
    }:
        return
    if find_common_name(attributes, spec.get("request", "")) != NODE_PREFIX + node:
        raise forbidden_error(attributes, f"can only create a node CSR with CN={NODE_PREFIX}{node}")


def _find_name(attributes: Attributes) -> str:
    return attributes.name or (attributes.obj or {}).get("metadata", {}).get("name", "") or ""
