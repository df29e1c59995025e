"""The plugins together, as flags choose them, and what each of the small ones does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.apiserver import admission, authz
from kprov.kube.apiserver.admission.chain import Chain
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError
from tests.builders.claims import build_claim
from tests.builders.pods import build_pod

DEFAULT = {"namespace": "default"}

Put = Callable[..., Awaitable[dict[str, Any]]]
ALICE = UserInfo("alice", ("system:authenticated",))


def options(*enabled: str, disabled: tuple[str, ...] = ()) -> Namespace:
    return Namespace(
        authorization_mode=["RBAC"],
        enable_admission_plugins=list(enabled),
        disable_admission_plugins=list(disabled),
    )


def build(flags: Namespace, registry: Registry) -> Chain:
    return admission.build(flags, registry, authz.build(flags, registry))


class Admit:
    """admit(operation, group, plural, obj, old) runs both phases and gives the object."""

    def __init__(self, registry: Registry, flags: Namespace) -> None:
        self._registry = registry
        self._chain = build(flags, registry)

    async def __call__(
        self,
        operation: str,
        group: str,
        plural: str,
        obj: dict[str, Any] | None,
        old: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        resource = self._registry.store(group, plural).resource
        metadata = (obj or old or {}).get("metadata", {})
        info = RequestInfo(path="", verb="", is_resource_request=True)
        attributes = Attributes(
            context=RequestContext(user=ALICE, info=info),
            operation=operation,
            resource=resource,
            subresource="",
            namespace=metadata.get("namespace", ""),
            name=metadata.get("name", ""),
            obj=obj,
            old=old,
            options={},
        )
        await self._chain.admit(attributes)
        await self._chain.validate(attributes)
        return obj


@pytest.fixture
async def admit(registry: Registry, put: Put) -> Admit:
    await put("", "namespaces", {"metadata": {"name": "default"}})
    await put("", "serviceaccounts", {"metadata": {"name": "default", "namespace": "default"}})
    return Admit(registry, options())


def refused(caught: pytest.ExceptionInfo[StatusError]) -> str:
    assert caught.value.code == 403
    return caught.value.message


def test_a_plugin_that_is_not_there_ends_the_start(registry: Registry) -> None:
    with pytest.raises(SystemExit, match='enable-admission-plugins plugin "Nonsense" is unknown'):
        build(options("Nonsense"), registry)
    with pytest.raises(SystemExit, match="PodNodeSelector is not supported"):
        build(options("PodNodeSelector"), registry)
    with pytest.raises(SystemExit, match=r"\[Priority\] in enable-admission-plugins and .* overlapped"):
        build(options("Priority", disabled=("Priority",)), registry)


def test_the_plugins_of_upstream_that_are_not_there_may_be_disabled(registry: Registry) -> None:
    build(options(disabled=("ValidatingAdmissionWebhook",)), registry)


async def test_a_pod_gets_its_account_token_tolerations_and_priority(admit: Admit) -> None:
    made = await admit("CREATE", "", "pods", build_pod(namespace="default"))
    assert made is not None
    spec = made["spec"]
    assert spec["serviceAccountName"] == "default"
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert spec["priority"] == 0
    assert {toleration["tolerationSeconds"] for toleration in spec["tolerations"]} == {300}


async def test_the_pull_secrets_of_an_account_are_each_pods_own(admit: Admit, put: Put) -> None:
    account = {"metadata": {"name": "puller", "namespace": "default"}, "imagePullSecrets": [{"name": "s"}]}
    await put("", "serviceaccounts", account)
    for _ in range(2):
        made = await admit("CREATE", "", "pods", build_pod(namespace="default", serviceAccountName="puller"))
        assert made is not None
        assert made["spec"]["imagePullSecrets"] == [{"name": "s"}]
        made["spec"]["imagePullSecrets"][0]["name"] = "other"


async def test_what_is_disabled_does_not_run(registry: Registry, put: Put) -> None:
    await put("", "namespaces", {"metadata": {"name": "default"}})
    admit = Admit(registry, options(disabled=("ServiceAccount", "DefaultTolerationSeconds")))
    made = await admit("CREATE", "", "pods", build_pod(namespace="default"))
    assert made is not None
    assert not made["spec"].keys() & {"serviceAccountName", "tolerations"}


async def test_nothing_is_made_in_a_namespace_that_is_not_there_or_ends(admit: Admit, put: Put) -> None:
    config_map = {"metadata": {"name": "a", "namespace": "nowhere"}}
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "", "configmaps", config_map)
    assert caught.value.code == 404
    with pytest.raises(StatusError) as caught:
        await admit("DELETE", "", "namespaces", None, {"metadata": {"name": "kube-system"}})
    assert "this namespace may not be deleted" in refused(caught)


async def test_an_unknown_account_or_priority_class_is_refused(admit: Admit) -> None:
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "", "pods", build_pod(namespace="default", serviceAccountName="nobody"))
    assert 'serviceaccount "nobody" not found' in refused(caught)
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "", "pods", build_pod(namespace="default", priorityClassName="high"))
    assert "no PriorityClass with name high was found" in refused(caught)


async def test_limits_fill_in_and_bound(admit: Admit, put: Put) -> None:
    item = {
        "type": "Container",
        "default": {"cpu": "200m"},
        "defaultRequest": {"cpu": "100m"},
        "max": {"cpu": "500m"},
        "maxLimitRequestRatio": {"cpu": "4"},
    }
    metadata = {"name": "l", "namespace": "default"}
    await put("", "limitranges", {"metadata": metadata, "spec": {"limits": [item]}})
    made = await admit("CREATE", "", "pods", build_pod(namespace="default"))
    assert made is not None
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "200m"},
        "requests": {"cpu": "100m"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    )
    greedy = [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}}]
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "", "pods", build_pod(namespace="default", containers=greedy))
    assert "maximum cpu usage per Container is 500m, but limit is 1" in refused(caught)
    assert "max limit to request ratio per Container is 4, but provided ratio is 10.000000" in refused(caught)


async def test_a_claim_gets_the_newest_default_class_and_a_finalizer(admit: Admit, put: Put) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    metadata = {"name": "std", "annotations": annotations}
    await put("storage.k8s.io", "storageclasses", {"metadata": metadata, "provisioner": "x"})
    made = await admit("CREATE", "", "persistentvolumeclaims", build_claim(metadata=DEFAULT))
    assert made is not None
    assert made["spec"]["storageClassName"] == "std"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    none = await admit(
        "CREATE", "", "persistentvolumeclaims", build_claim(metadata=DEFAULT, storageClassName="")
    )
    assert none is not None
    assert none["spec"]["storageClassName"] == ""


async def test_a_claim_grows_only_where_its_class_lets_it(admit: Admit, put: Put) -> None:
    bound = build_claim(metadata=DEFAULT, storageClassName="std") | {"status": {"phase": "Bound"}}
    bigger = build_claim(size="2Gi", metadata=DEFAULT, storageClassName="std")
    metadata = {"name": "std"}
    await put("storage.k8s.io", "storageclasses", {"metadata": metadata, "provisioner": "x"})
    with pytest.raises(StatusError) as caught:
        await admit("UPDATE", "", "persistentvolumeclaims", bigger, bound)
    assert "the storageclass that provisions the pvc must support resize" in refused(caught)
    with pytest.raises(StatusError) as caught:
        await admit(
            "UPDATE",
            "",
            "persistentvolumeclaims",
            bigger,
            build_claim(metadata=DEFAULT, storageClassName="std"),
        )
    assert "Only bound persistent volume claims can be expanded" in refused(caught)


async def test_a_runtime_class_gives_overhead_and_place(admit: Admit, put: Put) -> None:
    scheduling: dict[str, Any] = {
        "nodeSelector": {"kvm": "yes"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
    }
    overhead = {"podFixed": {"cpu": "100m"}}
    runtime = {"metadata": {"name": "rc"}, "handler": "x", "overhead": overhead, "scheduling": scheduling}
    await put("node.k8s.io", "runtimeclasses", runtime)
    made = await admit("CREATE", "", "pods", build_pod(namespace="default", runtimeClassName="rc"))
    assert made is not None
    assert made["spec"]["overhead"] == {"cpu": "100m"}
    assert made["spec"]["nodeSelector"] == {"kvm": "yes"}
    assert scheduling["tolerations"][0] in made["spec"]["tolerations"]
    for spec in ({"runtimeClassName": "nope"}, {"overhead": {"cpu": "1"}}):
        with pytest.raises(StatusError) as caught:
            await admit("CREATE", "", "pods", build_pod(namespace="default", **spec))
        assert "pod rejected" in refused(caught)


async def test_a_role_beyond_ones_rights_is_refused_whatever_the_flags(registry: Registry, put: Put) -> None:
    await put("", "namespaces", {"metadata": {"name": "default"}})
    admit = Admit(registry, options(disabled=("NamespaceLifecycle",)))
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    wanted = {"metadata": {"name": "r", "namespace": "default"}, "rules": rules}
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "rbac.authorization.k8s.io", "roles", wanted)
    assert "is attempting to grant RBAC permissions not currently held" in refused(caught)


async def test_an_owner_reference_needs_the_right_to_delete(registry: Registry, put: Put) -> None:
    await put("", "namespaces", {"metadata": {"name": "default"}})
    admit = Admit(registry, options("OwnerReferencesPermissionEnforcement"))
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "blockOwnerDeletion": True}
    old = {"metadata": {"name": "a", "namespace": "default"}}
    new = {"metadata": {"name": "a", "namespace": "default", "ownerReferences": [owner]}}
    with pytest.raises(StatusError) as caught:
        await admit("UPDATE", "", "configmaps", new, old)
    assert "cannot set an ownerRef on a resource you can't delete" in refused(caught)
    with pytest.raises(StatusError) as caught:
        await admit("CREATE", "", "configmaps", new)
    assert "a resource you can't set finalizers on" in refused(caught)
