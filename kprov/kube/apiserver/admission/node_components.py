"""What kprov's own components of a node may write: only for their own node.

The components of all nodes are one user each. Their certificates name the node in a group, so that root of
one node cannot make a volume of another node's files, or report for another node. Upstream has no such
components; the rules are those of NodeRestriction for kubelets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from kprov.kube.apiserver.admission.plugin import Attributes, forbidden_error
from kprov.kube.apiserver.authz.node import NODE_PREFIX
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.component_helpers.persistent_volumes import SELECTED_NODE
from kprov.kube.machinery.json_object import JsonObject

PROVISIONER: Final = "system:kprov:local-path-provisioner"
POD_NETWORK: Final = "system:kprov:pod-network"
USERS: Final = frozenset({PROVISIONER, POD_NETWORK})
_HOST_NAME: Final = "kubernetes.io/hostname"
#: What the program sets in the spec of a volume. A volume has one source: the other ones are not here.
_VOLUME_FIELDS: Final = frozenset({
    "accessModes", "capacity", "claimRef", "local", "mountOptions", "nodeAffinity",
    "persistentVolumeReclaimPolicy", "storageClassName", "volumeMode",
})  # fmt: skip


class NodeComponents:
    """Checks the writes of these users."""

    resources: Final = frozenset({("", "persistentvolumes"), ("", "nodes")})

    def __init__(self, nodes: ObjectReader, claims: ObjectReader) -> None:
        self._nodes = nodes
        self._claims = claims
        self._rules: dict[tuple[str, str], Callable[[Attributes, str], Awaitable[None]]] = {
            (PROVISIONER, "persistentvolumes"): self._check_volume,
            (POD_NETWORK, "nodes"): _check_node,
        }

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> NodeComponents:
        return cls(stores.store("", "nodes"), stores.store("", "persistentvolumeclaims"))

    async def check(self, attributes: Attributes) -> None:
        """Raise StatusError 403 if the component writes for another node than its own."""
        user = attributes.context.user
        rule = self._rules.get((user.name, attributes.resource.plural))
        if rule is None:
            return
        node = find_node(user)
        if not node:
            text = f'the certificate of "{user.name}" names no node; "kprov up" issues one that does'
            raise forbidden_error(attributes, text)
        await rule(attributes, node)

    async def _check_volume(self, attributes: Attributes, node: str) -> None:
        obj, old = attributes.obj, attributes.old
        for volume in (old, obj):
            if volume is not None and not await self._is_of_node(volume, node):
                text = f'the provisioner of node "{node}" can only write local volumes of its node'
                raise forbidden_error(attributes, text)
        if obj is not None and old is None:
            await self._check_reference(attributes, obj, node)
        elif obj is not None and old is not None and obj["spec"] != old["spec"]:
            raise forbidden_error(attributes, "the provisioner does not change what a volume is")

    async def _is_of_node(self, volume: JsonObject, node: str) -> bool:
        spec = volume.get("spec") or {}
        if not _VOLUME_FIELDS.issuperset(spec) or not spec.get("local"):
            return False
        # Two nodes with one name, of which a kubelet may choose its own: the volume could be of the other.
        await self._nodes.catch_up()
        names = {
            entry["metadata"]["name"]: (entry["metadata"].get("labels") or {}).get(_HOST_NAME)
            for entry in self._nodes.lister.list_shared()
        }
        host_name = names.pop(node, None)
        if not host_name or host_name in names.values():
            return False
        expression = {"key": _HOST_NAME, "operator": "In", "values": [host_name]}
        terms = [{"matchExpressions": [expression]}]
        return bool(spec.get("nodeAffinity") == {"required": {"nodeSelectorTerms": terms}})

    async def _check_reference(self, attributes: Attributes, volume: JsonObject, node: str) -> None:
        """Check that a new volume is for a claim whose pod was scheduled to the node. It draws no pods."""
        reference = volume["spec"].get("claimRef") or {}
        key = reference.get("namespace", ""), reference.get("name", "")
        claim = self._claims.lister.get_shared(*key)
        if claim is None or claim["metadata"]["uid"] != reference.get("uid"):
            await self._claims.catch_up()
            claim = self._claims.lister.get_shared(*key)
        annotations = {} if claim is None else claim["metadata"].get("annotations") or {}
        is_same = claim is not None and claim["metadata"]["uid"] == reference.get("uid")
        if not is_same or annotations.get(SELECTED_NODE) != node:
            text = f'the provisioner of node "{node}" can only make volumes for claims of its node'
            raise forbidden_error(attributes, text)


def find_node(user: UserInfo) -> str:
    """Return the node that a component's groups name, "" if they name none."""
    names = {group.removeprefix(NODE_PREFIX) for group in user.groups if group.startswith(NODE_PREFIX)}
    return names.pop() if len(names) == 1 else ""


async def _check_node(attributes: Attributes, node: str) -> None:
    if attributes.name != node:
        raise forbidden_error(attributes, f'the pod network of node "{node}" can only write its own node')
