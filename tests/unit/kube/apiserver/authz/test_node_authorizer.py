"""A kubelet reads what its own pods need, and no other's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from kprov.kube.apiserver.authz.node import NodeAuthorizer
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.apiserver.request.system_context import make_system_context
from tests.builders.pods import build_pod

make_pod = partial(build_pod, namespace="default", nodeName="n1", serviceAccountName="web")

Put = Callable[..., Awaitable[dict[str, Any]]]
N1 = UserInfo("system:node:n1", ("system:nodes", "system:authenticated"))
N2 = UserInfo("system:node:n2", ("system:nodes", "system:authenticated"))
SERVICES = {"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}


def ask(verb: str, plural: str, name: str = "", **more: Any) -> RequestInfo:
    given = {"namespace": "default"} | more
    return RequestInfo(path="", verb=verb, is_resource_request=True, resource=plural, name=name, **given)


@pytest.fixture
def authorizer(registry: Registry) -> NodeAuthorizer:
    return NodeAuthorizer.from_stores(registry, [SERVICES])


async def allowed(authorizer: NodeAuthorizer, user: UserInfo, info: RequestInfo) -> bool:
    return (await authorizer.authorize(user, info))[0] is Decision.ALLOW


VOLUMES = [
    {"name": "a", "secret": {"secretName": "of-volume"}},
    {"name": "b", "projected": {"sources": [{"configMap": {"name": "of-projection"}}]}},
    {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
]


async def test_a_pod_opens_what_it_names_to_its_own_node(authorizer: NodeAuthorizer, put: Put) -> None:
    variables = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "of-variable", "key": "k"}}}]
    containers = [{"name": "c", "image": "i", "env": variables}]
    await put(
        "", "pods", make_pod(volumes=VOLUMES, containers=containers, imagePullSecrets=[{"name": "pull"}])
    )
    for plural, name in (
        ("secrets", "of-volume"),
        ("secrets", "of-variable"),
        ("secrets", "pull"),
        ("configmaps", "of-projection"),
        ("persistentvolumeclaims", "claim"),
        ("serviceaccounts", "web"),
    ):
        assert await allowed(authorizer, N1, ask("get", plural, name)), name
        assert not await allowed(authorizer, N2, ask("get", plural, name)), name
    assert not await allowed(authorizer, N1, ask("get", "secrets", "another"))
    assert not await allowed(authorizer, N1, ask("list", "secrets"))
    assert await allowed(authorizer, N1, ask("watch", "secrets", "pull"))


async def test_a_pod_that_only_another_server_has_heard_of_yet(
    authorizer: NodeAuthorizer, registry: Registry
) -> None:
    """A kubelet sees its pod on one server and sends its request to another, whose cache is behind."""
    assert not await allowed(authorizer, N1, ask("create", "serviceaccounts", "web", subresource="token"))
    pods = registry.store("", "pods")
    await pods.create(make_system_context("create", pods.resource, "default"), "default", make_pod())
    assert await allowed(authorizer, N1, ask("create", "serviceaccounts", "web", subresource="token"))


async def test_a_token_can_be_asked_for_by_the_node_of_the_account(
    authorizer: NodeAuthorizer, put: Put
) -> None:
    await put("", "pods", make_pod())
    assert await allowed(authorizer, N1, ask("create", "serviceaccounts", "web", subresource="token"))
    assert not await allowed(authorizer, N2, ask("create", "serviceaccounts", "web", subresource="token"))


async def test_a_volume_is_reached_through_the_claim_of_a_pod(authorizer: NodeAuthorizer, put: Put) -> None:
    secret = {"name": "storage", "namespace": "kube-system"}
    volume = {
        "metadata": {"name": "v"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": "default", "name": "claim"},
            "csi": {"driver": "d", "volumeHandle": "h", "nodePublishSecretRef": secret},
        },
    }
    await put("", "persistentvolumes", volume)
    assert not await allowed(authorizer, N1, ask("get", "persistentvolumes", "v", namespace=""))
    await put("", "pods", make_pod(volumes=VOLUMES))
    assert await allowed(authorizer, N1, ask("get", "persistentvolumes", "v", namespace=""))
    assert await allowed(authorizer, N1, ask("get", "secrets", "storage", namespace="kube-system"))
    assert not await allowed(authorizer, N2, ask("get", "persistentvolumes", "v", namespace=""))


async def test_rights_end_with_the_pod(authorizer: NodeAuthorizer, put: Put, registry: Registry) -> None:
    await put("", "pods", make_pod(volumes=VOLUMES))
    assert await allowed(authorizer, N1, ask("get", "secrets", "of-volume"))
    store = registry.store("", "pods")
    gone = make_system_context("delete", store.resource, "default", "p")
    from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions

    await store.delete(gone, "default", "p", DeleteOptions(grace_period_seconds=0))
    await store.catch_up()
    assert not await allowed(authorizer, N1, ask("get", "secrets", "of-volume"))


async def test_a_mirror_pod_opens_nothing(authorizer: NodeAuthorizer, put: Put) -> None:
    mirror = make_pod(volumes=VOLUMES)
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    await put("", "pods", mirror)
    assert not await allowed(authorizer, N1, ask("get", "secrets", "of-volume"))
    assert await allowed(authorizer, N1, ask("get", "pods", "p"))


@pytest.mark.parametrize(
    ("info", "answer"),
    [
        (ask("get", "nodes", "n1", namespace=""), True),
        (ask("get", "nodes", "n2", namespace=""), False),
        (ask("list", "nodes", namespace=""), False),
        (ask("list", "nodes", "n1", namespace=""), True),
        (ask("patch", "nodes", "n2", namespace="", subresource="status"), True),
        (ask("delete", "nodes", "n1", namespace=""), False),
        (ask("list", "pods", namespace=""), False),
        (ask("list", "pods", namespace="", selected_fields=(("spec.nodeName", "n1"),)), True),
        (ask("watch", "pods", namespace="", selected_fields=(("spec.nodeName", "n2"),)), False),
        (ask("update", "pods", "p"), False),
        (ask("list", "services", namespace=""), True),
        (ask("update", "leases", "n1", namespace="kube-node-lease", api_group="coordination.k8s.io"), True),
        (ask("update", "leases", "n2", namespace="kube-node-lease", api_group="coordination.k8s.io"), False),
        (ask("update", "leases", "n1", namespace="kube-system", api_group="coordination.k8s.io"), False),
        (ask("create", "leases", namespace="kube-node-lease", api_group="coordination.k8s.io"), True),
        (ask("list", "leases", namespace="kube-node-lease", api_group="coordination.k8s.io"), False),
        (ask("get", "csinodes", "n2", namespace="", api_group="storage.k8s.io"), False),
    ],
)
async def test_what_a_node_may_without_any_pod(
    authorizer: NodeAuthorizer, info: RequestInfo, answer: bool
) -> None:
    assert await allowed(authorizer, N1, info) is answer


async def test_only_the_group_of_nodes_makes_a_node(authorizer: NodeAuthorizer) -> None:
    pretender = UserInfo("system:node:n1", ("system:authenticated",))
    assert not await allowed(authorizer, pretender, ask("get", "nodes", "n1", namespace=""))


async def test_the_refusal_says_why(authorizer: NodeAuthorizer) -> None:
    _, reason = await authorizer.authorize(N1, ask("get", "secrets", "s"))
    assert reason == "no relationship found between node 'n1' and this object"
