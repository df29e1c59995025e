"""What root of one node may write with the certificates of kprov's components there."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.apiserver.admission.node_components import POD_NETWORK, PROVISIONER
from kprov.kube.apiserver.admission.node_restriction import NodeRestriction
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]
Ask = Callable[..., Awaitable[str]]
N1 = UserInfo(PROVISIONER, ("system:node:n1", "system:authenticated"))
NETWORK_OF_N1 = UserInfo(POD_NETWORK, ("system:node:n1", "system:authenticated"))
CLASS, SELECTED = "local-path", "volume.kubernetes.io/selected-node"


@pytest.fixture
def ask(registry: Registry) -> Ask:
    """ask(user, operation, plural, obj, old, name) gives the refusal's text, "" for none."""
    plugin = NodeRestriction.from_stores(registry)

    async def refusal(
        user: UserInfo,
        operation: str,
        plural: str,
        obj: dict[str, Any] | None = None,
        old: dict[str, Any] | None = None,
        name: str = "v",
    ) -> str:
        info = RequestInfo(path="", verb="", is_resource_request=True)
        attributes = Attributes(
            context=RequestContext(user=user, info=info),
            operation=operation,
            resource=registry.store("", plural).resource,
            subresource="",
            namespace="",
            name=name,
            obj=obj,
            old=old,
            options={},
        )
        try:
            await plugin.admit(attributes)
        except StatusError as error:
            return error.message
        return ""

    return refusal


async def add_node(put: Put, name: str, host_name: str) -> None:
    labels = {"kubernetes.io/hostname": host_name}
    await put("", "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})


@pytest.fixture
async def claims(put: Put) -> dict[str, dict[str, Any]]:
    """A claim whose pod is on the node, for each of two nodes, by the node's name."""
    for name in ("n1", "n2"):
        await add_node(put, name, f"{name}.example")
    made = {}
    for name in ("n1", "n2"):
        made[name] = await put(
            "",
            "persistentvolumeclaims",
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": f"claim-{name}",
                    "namespace": "default",
                    "annotations": {SELECTED: name},
                },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": CLASS,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
        )
    return made


def volume(claim: dict[str, Any], host_name: str = "n1.example", **spec: Any) -> dict[str, Any]:
    metadata = claim["metadata"]
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [host_name]}
    return {
        "metadata": {"name": "v"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "storageClassName": CLASS,
            "local": {"path": "/volumes/v"},
            "claimRef": {key: metadata[key] for key in ("namespace", "name", "uid")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        }
        | spec,
    }


async def test_a_provisioner_writes_the_volumes_of_its_node(
    ask: Ask, claims: dict[str, dict[str, Any]]
) -> None:
    own = volume(claims["n1"])
    held = own | {"metadata": {"name": "v", "finalizers": ["kprov.io/local-path-provisioner"]}}
    assert await ask(N1, "CREATE", "persistentvolumes", own) == ""
    assert await ask(N1, "UPDATE", "persistentvolumes", own, held) == ""
    assert await ask(N1, "DELETE", "persistentvolumes", None, own) == ""


async def test_it_writes_no_volume_of_another_node(ask: Ask, claims: dict[str, dict[str, Any]]) -> None:
    own, other = volume(claims["n1"]), volume(claims["n2"], "n2.example")
    text = 'the provisioner of node "n1" can only write local volumes of its node'
    assert text in await ask(N1, "CREATE", "persistentvolumes", other)
    assert text in await ask(N1, "DELETE", "persistentvolumes", None, other)
    assert text in await ask(N1, "UPDATE", "persistentvolumes", own, other)
    assert text in await ask(N1, "UPDATE", "persistentvolumes", other, own)


@pytest.mark.parametrize(
    "spec",
    [
        {"hostPath": {"path": "/"}},
        {"hostPath": {"path": "/"}, "local": None},
        {"nfs": {"server": "a", "path": "/"}, "local": None},
        {"csi": {"driver": "a", "volumeHandle": "b"}},
        {"nodeAffinity": None},
        {"nodeAffinity": {"required": {"nodeSelectorTerms": []}}},
    ],
)
async def test_its_volumes_are_local_ones(
    ask: Ask, claims: dict[str, dict[str, Any]], spec: dict[str, Any]
) -> None:
    text = await ask(N1, "CREATE", "persistentvolumes", volume(claims["n1"], **spec))
    assert "can only write local volumes of its node" in text


async def test_a_second_term_opens_no_other_node(ask: Ask, claims: dict[str, dict[str, Any]]) -> None:
    made = volume(claims["n1"])
    terms = made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    terms += volume(claims["n2"], "n2.example")["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert "of its node" in await ask(N1, "CREATE", "persistentvolumes", made)


async def test_a_node_that_takes_the_host_name_of_another_gets_none_of_its_volumes(
    ask: Ask, put: Put, claims: dict[str, dict[str, Any]]
) -> None:
    await add_node(put, "n3", "n2.example")
    n3 = UserInfo(PROVISIONER, ("system:node:n3",))
    assert "of its node" in await ask(n3, "CREATE", "persistentvolumes", volume(claims["n2"], "n2.example"))


async def test_it_draws_no_claim_of_another_node(ask: Ask, claims: dict[str, dict[str, Any]]) -> None:
    text = 'the provisioner of node "n1" can only make volumes for claims of its node'
    older = copy.deepcopy(claims["n1"])
    older["metadata"]["uid"] = "another"
    for claim in (claims["n2"], older):
        assert text in await ask(N1, "CREATE", "persistentvolumes", volume(claim))
    assert text in await ask(N1, "CREATE", "persistentvolumes", volume(claims["n1"], claimRef=None))


async def test_it_does_not_change_what_its_volume_is(ask: Ask, claims: dict[str, dict[str, Any]]) -> None:
    changed = volume(claims["n1"], persistentVolumeReclaimPolicy="Retain")
    text = await ask(N1, "UPDATE", "persistentvolumes", changed, volume(claims["n1"]))
    assert "does not change what a volume is" in text


async def test_the_pod_network_writes_its_own_node(ask: Ask) -> None:
    node = {"metadata": {"name": "n1"}}
    assert await ask(NETWORK_OF_N1, "UPDATE", "nodes", node, node, "n1") == ""
    text = await ask(NETWORK_OF_N1, "UPDATE", "nodes", node, node, "n2")
    assert 'the pod network of node "n1" can only write its own node' in text


@pytest.mark.parametrize("groups", [("system:authenticated",), ("system:node:n1", "system:node:n2")])
async def test_a_certificate_that_names_no_node_writes_nothing(
    ask: Ask, claims: dict[str, dict[str, Any]], groups: tuple[str, ...]
) -> None:
    for name, plural, obj in (
        (PROVISIONER, "persistentvolumes", volume(claims["n1"])),
        (POD_NETWORK, "nodes", {"metadata": {"name": "n1"}}),
    ):
        text = await ask(UserInfo(name, groups), "UPDATE", plural, obj, obj, "n1")
        assert f'the certificate of "{name}" names no node; "kprov up" issues one that does' in text


async def test_administrators_and_kubelets_are_not_held_to_it(
    ask: Ask, claims: dict[str, dict[str, Any]]
) -> None:
    free = volume(claims["n1"], hostPath={"path": "/"}, local=None)
    for user in (UserInfo("admin", ("system:masters",)), UserInfo("system:node:n1", ("system:nodes",))):
        assert await ask(user, "CREATE", "persistentvolumes", free) == ""
