"""What a kubelet may write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from kprov.kube.apiserver.admission.node_restriction import NodeRestriction
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError
from tests.builders.nodes import build_node
from tests.builders.pods import build_pod

Put = Callable[..., Awaitable[dict[str, Any]]]
N1 = UserInfo("system:node:n1", ("system:nodes",))
CONTAINERS = [{"name": "c", "image": "i"}]
make_pod = partial(build_pod, namespace="default", nodeName="n1", containers=CONTAINERS)


class Nobody:
    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        return Decision.NO_OPINION, ""


@pytest.fixture
def plugin(registry: Registry) -> NodeRestriction:
    restriction = NodeRestriction.from_stores(registry)
    restriction.authorizer = Nobody()
    return restriction


@pytest.fixture
def refusal(registry: Registry, plugin: NodeRestriction) -> Callable[..., Awaitable[str]]:
    """refusal(operation, group, plural, obj, old, ...) gives the refusal's text, "" for none."""

    async def ask(
        operation: str,
        group: str,
        plural: str,
        obj: dict[str, Any] | None = None,
        old: dict[str, Any] | None = None,
        *,
        subresource: str = "",
        name: str = "",
        user: UserInfo = N1,
    ) -> str:
        resource = registry.store(group, plural).resource
        metadata = (obj or old or {}).get("metadata", {})
        info = RequestInfo(path="", verb="", is_resource_request=True)
        attributes = Attributes(
            context=RequestContext(user=user, info=info),
            operation=operation,
            resource=resource,
            subresource=subresource,
            namespace=metadata.get("namespace", "default" if resource.namespaced else ""),
            name=name or metadata.get("name", ""),
            obj=obj,
            old=old,
            options={},
        )
        try:
            await plugin.admit(attributes)
        except StatusError as error:
            return error.message
        return ""

    return ask


Ask = Callable[..., Awaitable[str]]


async def test_others_are_not_looked_at(refusal: Ask) -> None:
    assert await refusal("CREATE", "", "nodes", build_node("n2"), user=UserInfo("x", ("dev",))) == ""


async def test_a_node_writes_itself_only(refusal: Ask) -> None:
    assert await refusal("CREATE", "", "nodes", build_node("n1")) == ""
    assert 'node "n1" is not allowed to modify node "n2"' in await refusal(
        "CREATE", "", "nodes", build_node("n2")
    )


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("kubernetes.io/hostname", True),
        ("node.kubernetes.io/anything", True),
        ("x.kubelet.kubernetes.io/a", True),
        ("acme.com/a", True),
        ("role", True),
        ("node-restriction.kubernetes.io/a", False),
        ("node-role.kubernetes.io/control-plane", False),
        ("x.k8s.io/a", False),
    ],
)
async def test_labels_that_a_node_may_have_itself(refusal: Ask, key: str, allowed: bool) -> None:
    text = await refusal("CREATE", "", "nodes", build_node("n1", labels={key: "x"}))
    assert (text == "") is allowed
    text = await refusal("UPDATE", "", "nodes", build_node("n1", labels={key: "x"}), build_node("n1"))
    assert (text == "") is allowed


async def test_a_node_keeps_its_taints(refusal: Ask) -> None:
    taints = [{"key": "k", "effect": "NoSchedule"}]
    text = await refusal("UPDATE", "", "nodes", build_node("n1"), build_node("n1", taints=taints))
    assert 'node "n1" is not allowed to modify taints' in text


async def test_a_mirror_pod_is_owned_by_its_node_and_names_nothing(refusal: Ask, put: Put) -> None:
    made = await put("", "nodes", {"metadata": {"name": "n1"}})
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "controller": True}
    mirror: dict[str, Any] = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    assert "can only create mirror pods" in await refusal("CREATE", "", "pods", make_pod())
    assert "with an owner reference set to itself" in await refusal(
        "CREATE", "", "pods", make_pod(metadata=mirror)
    )
    strange = make_pod(metadata=mirror | {"ownerReferences": [owner | {"uid": "strange"}]})
    assert "UID mismatch" in await refusal("CREATE", "", "pods", strange)
    good = make_pod(metadata=mirror | {"ownerReferences": [owner | {"uid": made["metadata"]["uid"]}]})
    assert await refusal("CREATE", "", "pods", good) == ""
    good["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "s"}}]
    text = await refusal("CREATE", "", "pods", good)
    assert text.endswith('node "n1" can not create pods that reference secrets')


async def test_status_and_eviction_are_for_its_own_pods(refusal: Ask, put: Put) -> None:
    own, other = make_pod(), make_pod(nodeName="n2")
    assert await refusal("UPDATE", "", "pods", own, own, subresource="status") == ""
    text = await refusal("UPDATE", "", "pods", other, other, subresource="status")
    assert "can only update pod status for pods with spec.nodeName set to itself" in text
    labelled = make_pod(labels={"a": "b"})
    assert "cannot update labels" in await refusal("UPDATE", "", "pods", labelled, own, subresource="status")
    await put("", "pods", make_pod(nodeName="n2"))
    text = await refusal("CREATE", "", "pods", {"metadata": {"name": "p"}}, subresource="eviction")
    assert "node n1 can only evict pods with spec.nodeName set to itself" in text
    assert "can only delete pods" in await refusal("DELETE", "", "pods", None, other)


async def test_a_token_is_bound_to_a_pod_of_the_node(refusal: Ask, put: Put) -> None:
    async def token(**spec: Any) -> str:
        return await refusal("CREATE", "", "serviceaccounts", {"spec": spec}, subresource="token", name="web")

    sources = [{"serviceAccountToken": {"path": "t"}}]
    running = make_pod()
    running["spec"]["volumes"] = [{"name": "v", "projected": {"sources": sources}}]
    running["spec"]["serviceAccountName"] = "web"
    uid = (await put("", "pods", running))["metadata"]["uid"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid}
    assert "not bound to a pod" in await token()
    assert "without a uid" in await token(boundObjectRef={**bound, "uid": ""})
    assert "does not match the UID in record" in await token(boundObjectRef={**bound, "uid": "x"})
    assert await token(boundObjectRef=bound) == ""
    assert 'audience "vault" not found in pod spec volume' in await token(
        boundObjectRef=bound, audiences=["vault"]
    )
    elsewhere = make_pod("q", nodeName="n2")
    uid = (await put("", "pods", elsewhere))["metadata"]["uid"]
    text = await token(boundObjectRef={**bound, "name": "q", "uid": uid})
    assert "pod scheduled on a different node" in text


async def test_a_lease_is_the_nodes_own(refusal: Ask) -> None:
    lease = {"metadata": {"name": "n1", "namespace": "kube-node-lease"}}
    assert await refusal("CREATE", "coordination.k8s.io", "leases", lease) == ""
    lease["metadata"]["name"] = "n2"
    assert "same name" in await refusal("CREATE", "coordination.k8s.io", "leases", lease)
