"""The official Python client, unchanged: its typed groups, its watch and its dynamic client."""

from __future__ import annotations

import queue
import threading
from typing import Any

import kubernetes
import pytest

from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer


@pytest.fixture(scope="module")
def client(server: ApiServer) -> Any:
    """An ApiClient made from a kubeconfig, as programs make theirs."""
    found = kubernetes.config.new_client_from_config(str(kubeconfig(server)))
    yield found
    found.close()


def deployment(name: str) -> Any:
    k8s = kubernetes.client
    container = k8s.V1Container(name="c", image="registry.k8s.io/pause:3.10")
    template = k8s.V1PodTemplateSpec(
        metadata=k8s.V1ObjectMeta(labels={"app": name}), spec=k8s.V1PodSpec(containers=[container])
    )
    selector = k8s.V1LabelSelector(match_labels={"app": name})
    spec = k8s.V1DeploymentSpec(replicas=1, selector=selector, template=template)
    return k8s.V1Deployment(metadata=k8s.V1ObjectMeta(name=name), spec=spec)


def test_core_objects_are_created_read_patched_listed_and_deleted(client: Any, namespace: str) -> None:
    core = kubernetes.client.CoreV1Api(client)
    body = kubernetes.client.V1ConfigMap(
        metadata=kubernetes.client.V1ObjectMeta(name="a", labels={"l": "1"}), data={"a": "1"}
    )
    made = core.create_namespaced_config_map(namespace, body)
    read = core.read_namespaced_config_map("a", namespace)
    assert (read.metadata.uid, read.data) == (made.metadata.uid, {"a": "1"})
    assert read.metadata.creation_timestamp.tzinfo is not None
    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"b": "2"}}, field_manager="m")
    assert patched.data == {"a": "1", "b": "2"}
    patched.data = {"c": "3"}
    assert core.replace_namespaced_config_map("a", namespace, patched).data == {"c": "3"}
    with pytest.raises(kubernetes.client.ApiException) as refused:
        core.replace_namespaced_config_map("a", namespace, read)
    assert (refused.value.status, refused.value.reason) == (409, "Conflict")
    listed = core.list_namespaced_config_map(namespace, label_selector="l=1", limit=5)
    assert [each.metadata.name for each in listed.items] == ["a"]
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(kubernetes.client.ApiException) as missing:
        core.read_namespaced_config_map("a", namespace)
    assert missing.value.status == 404


def test_objects_of_other_groups_too(client: Any, namespace: str) -> None:
    k8s = kubernetes.client
    apps, batch = k8s.AppsV1Api(client), k8s.BatchV1Api(client)
    apps.create_namespaced_deployment(namespace, deployment("d"))
    scale = apps.patch_namespaced_deployment_scale("d", namespace, {"spec": {"replicas": 3}})
    assert (scale.spec.replicas, scale.status.selector) == (3, "app=d")
    conditions = [{"type": "Progressing", "status": "True"}]
    status = apps.patch_namespaced_deployment_status("d", namespace, {"status": {"conditions": conditions}})
    assert [each.type for each in status.status.conditions] == ["Progressing"]
    assert namespace in {each.metadata.namespace for each in apps.list_deployment_for_all_namespaces().items}
    apps.delete_namespaced_deployment("d", namespace, propagation_policy="Background")
    pod = k8s.V1PodSpec(containers=[k8s.V1Container(name="c", image="i")], restart_policy="Never")
    job = k8s.V1JobSpec(template=k8s.V1PodTemplateSpec(spec=pod), suspend=True)
    batch.create_namespaced_job(namespace, k8s.V1Job(metadata=k8s.V1ObjectMeta(name="j"), spec=job))
    assert batch.read_namespaced_job("j", namespace).spec.completions == 1
    batch.delete_collection_namespaced_job(namespace, propagation_policy="Background")
    assert batch.list_namespaced_job(namespace).items == []
    rbac = k8s.RbacAuthorizationV1Api(client)
    rules = [k8s.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])]
    role = k8s.V1Role(metadata=k8s.V1ObjectMeta(name="r"), rules=rules)
    assert rbac.create_namespaced_role(namespace, role).rules[0].verbs == ["get"]
    network = k8s.NetworkingV1Api(client)
    policy = k8s.V1NetworkPolicySpec(pod_selector=k8s.V1LabelSelector(), policy_types=["Ingress"])
    made = k8s.V1NetworkPolicy(metadata=k8s.V1ObjectMeta(name="n"), spec=policy)
    assert network.create_namespaced_network_policy(namespace, made).spec.policy_types == ["Ingress"]
    attributes = k8s.V1ResourceAttributes(verb="get", resource="pods", namespace=namespace)
    review = k8s.V1SelfSubjectAccessReview(
        spec=k8s.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    )
    authorization = k8s.AuthorizationV1Api(client)
    assert authorization.create_self_subject_access_review(review).status.allowed is True
    storage = k8s.StorageV1Api(client)
    name = f"s-{namespace}"
    made = k8s.V1StorageClass(metadata=k8s.V1ObjectMeta(name=name), provisioner="example.com/none")
    assert storage.create_storage_class(made).reclaim_policy == "Delete"
    storage.delete_storage_class(name)


def test_a_watch_goes_on_from_the_list_and_resumes_by_itself(client: Any, namespace: str) -> None:
    core = kubernetes.client.CoreV1Api(client)
    names = kubernetes.client.V1ObjectMeta
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, kubernetes.client.V1ConfigMap(metadata=names(name="a")))
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "v"}})
    core.delete_namespaced_config_map("a", namespace)
    watch = kubernetes.watch.Watch()
    seen = []
    for event in watch.stream(
        core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=10
    ):
        seen.append((event["type"], event["object"].metadata.name, event["object"].data))
        if event["type"] == "DELETED":
            watch.stop()
    changed = {"k": "v"}
    assert seen == [("ADDED", "a", None), ("MODIFIED", "a", changed), ("DELETED", "a", changed)]
    bookmarks = kubernetes.watch.Watch().stream(
        core.list_namespaced_config_map,
        namespace,
        resource_version=version,
        allow_watch_bookmarks=True,
        timeout_seconds=1,
    )
    assert [each["type"] for each in bookmarks][:3] == ["ADDED", "MODIFIED", "DELETED"]


def test_an_informer_keeps_up_with_the_server(client: Any, namespace: str) -> None:
    from kubernetes.informer import SharedInformer

    core = kubernetes.client.CoreV1Api(client)
    events: queue.Queue[tuple[str, str]] = queue.Queue()
    informer = SharedInformer(core.list_namespaced_config_map, namespace, label_selector="l=1")
    for kind in ("ADDED", "MODIFIED", "DELETED", "ERROR"):
        informer.add_event_handler(kind, lambda obj, kind=kind: events.put((kind, obj.metadata.name)))
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "labels": {"l": "1"}}})
    informer.start()
    try:
        assert events.get(timeout=20) == ("ADDED", "a")
        core.create_namespaced_config_map(namespace, {"metadata": {"name": "b", "labels": {"l": "1"}}})
        assert events.get(timeout=20) == ("ADDED", "b")
        core.patch_namespaced_config_map("b", namespace, {"data": {"k": "v"}})
        assert events.get(timeout=20) == ("MODIFIED", "b")
        assert informer.cache.get_by_key(f"{namespace}/b").data == {"k": "v"}
        core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"l": "2"}}})
        assert events.get(timeout=20) == ("DELETED", "a")
        assert list(informer.cache.list_keys()) == [f"{namespace}/b"]
    finally:
        # Its watch only looks up between two events.
        stopping = threading.Thread(target=informer.stop)
        stopping.start()
        core.delete_collection_namespaced_config_map(namespace)
        stopping.join(20)
    assert not stopping.is_alive()


def test_the_dynamic_client_finds_kinds_and_applies(client: Any, namespace: str) -> None:
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

    dynamic = DynamicClient(client)
    assert dynamic.version["kubernetes"]["major"] == "1"
    services = dynamic.resources.get(api_version="v1", kind="Service")
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    assert ("status" in deployments.subresources, services.namespaced) == (True, True)
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    spec: dict[str, Any] = {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    made = services.create(body=body | {"spec": spec}, namespace=namespace)
    assert made.spec.clusterIP == services.get(name="s", namespace=namespace).spec.clusterIP
    changed = {"metadata": {"name": "s"}, "spec": {"sessionAffinity": "ClientIP"}}
    patched = services.patch(body=changed, namespace=namespace, content_type="application/merge-patch+json")
    assert patched.spec.sessionAffinity == "ClientIP"
    applied = body | {"spec": {"sessionAffinity": "None"}}
    with pytest.raises(ConflictError):
        services.server_side_apply(body=applied, namespace=namespace, field_manager="other")
    forced = services.server_side_apply(
        body=applied, namespace=namespace, field_manager="other", force_conflicts=True
    )
    assert forced.spec.sessionAffinity == "None"
    assert [each.metadata.name for each in services.get(namespace=namespace).items] == ["s"]
    seen = [each["type"] for each in services.watch(namespace=namespace, timeout=1)]
    assert seen == ["ADDED"]
    services.delete(name="s", namespace=namespace)
    with pytest.raises(NotFoundError):
        services.get(name="s", namespace=namespace)


def test_its_leader_election_takes_a_lease_and_gives_way(client: Any, namespace: str) -> None:
    from kubernetes.leaderelection import electionconfig, leaderelection
    from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

    leases = kubernetes.client.CoordinationV1Api(client)
    lock = LeaseLock("lock", namespace, "one")
    lock.api_instance = leases
    led: queue.Queue[str] = queue.Queue()

    def leading() -> None:
        led.put(leases.read_namespaced_lease("lock", namespace).spec.holder_identity)
        other = {"holderIdentity": "two", "leaseDurationSeconds": 60}
        leases.patch_namespaced_lease("lock", namespace, {"spec": other})

    told: dict[str, Any] = {"onstarted_leading": leading, "onstopped_leading": lambda: led.put("")}
    configured = electionconfig.Config(lock, lease_duration=3, renew_deadline=2, retry_period=1, **told)
    leaderelection.LeaderElection(configured).run()
    assert [led.get(timeout=20), led.get(timeout=20)] == ["one", ""]
    assert leases.read_namespaced_lease("lock", namespace).spec.holder_identity == "two"
