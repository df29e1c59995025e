"""What the shared informers keep of pods is what controllers read, and equal parts are held once."""

from typing import Any

import msgspec
import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.client.shared_values import SharedValues
from kprov.kube.component_helpers.pod_claims import index_by_claim
from kprov.kube.component_helpers.pod_secrets import list_secret_names
from kprov.kube.component_helpers.quota.pods import Pods
from kprov.kube.controller_manager.framework.compact import make_transforms
from kprov.kube.controller_manager.volumes.selinux_warning.labels import collect_labels
from kprov.kube.machinery.json_object import JsonObject


@pytest.fixture
def compact() -> Any:
    """A pod from a document, as the informers keep it."""
    transform = make_transforms()[Pod]
    return lambda document: transform(convert(document, Pod))


def document(name: str = "p", **spec: Any) -> JsonObject:
    container = {
        "name": "c",
        "image": "registry.example.org/app:1",
        "env": [
            {"name": "PLAIN", "value": "x"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "of-env", "key": "k"}}},
        ],
        "envFrom": [{"secretRef": {"name": "of-env-from"}}, {"configMapRef": {"name": "map"}}],
        "ports": [{"name": "http", "containerPort": 80}],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
        "readinessProbe": {"httpGet": {"path": "/"}},
        "securityContext": {"runAsUser": 1, "seLinuxOptions": {"level": "s0:c1"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": f"token-{name}", "mountPath": "/t"}],
    }  # fmt: skip
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": f"token-{name}", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "keys", "projected": {"sources": [{"secret": {"name": "of-projected"}}]}},
        {"name": "tmp", "emptyDir": {}},
    ]
    running = {"name": "c", "image": "i", "imageID": "i@sha256:0", "containerID": f"containerd://{name}"}
    status = {
        "phase": "Running",
        "podIP": "192.0.2.7",
        "podIPs": [{"ip": "192.0.2.7"}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "containerStatuses": [{**running, "ready": True, "state": {"running": {"startedAt": "x"}}}],
    }
    metadata = {"name": name, "namespace": "ns", "uid": f"u-{name}", "labels": {"app": "a"}}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n", "containers": [container], "volumes": volumes, **spec},
        "status": status,
    }


def test_parts_of_pods_that_differ_only_in_name_are_held_once(compact: Any) -> None:
    one, other = compact(document("one")), compact(document("other"))
    assert one.spec.containers is other.spec.containers
    assert one.spec.volumes is other.spec.volumes
    assert one.status.container_statuses is other.status.container_statuses
    assert one.metadata.labels is other.metadata.labels
    assert (one.metadata.name, other.metadata.name) == ("one", "other")
    assert (one.metadata.uid, other.metadata.uid) == ("u-one", "u-other")


def test_claims_secrets_ports_and_labels_of_volumes_remain(compact: Any) -> None:
    source = document()
    whole, kept = convert(source, Pod), compact(source)
    assert index_by_claim(kept) == index_by_claim(whole) == ["ns/claim"]
    assert list_secret_names(kept) == list_secret_names(whole) == {"of-env", "of-env-from", "of-projected"}
    assert kept.spec.containers[0].ports == whole.spec.containers[0].ports
    assert collect_labels(kept)["data"] == collect_labels(whole)["data"] == {":::s0:c1"}
    assert kept.status.pod_ips[0].ip == "192.0.2.7"


def test_what_only_kubelets_read_is_dropped(compact: Any) -> None:
    kept = compact(document())
    container, status = kept.spec.containers[0], kept.status.container_statuses[0]
    assert [each.name for each in container.env] == ["SECRET"]
    assert (container.image, container.readiness_probe) == ("", None)
    assert [volume["name"] for volume in kept.spec.volumes] == ["data", "keys"]
    assert [mount.name for mount in container.volume_mounts] == ["data"]
    assert (status.image_id, status.container_id) == ("", "")
    assert status.ready
    assert status.state.running is not None


def test_the_exit_of_a_container_remains(compact: Any) -> None:
    source = document()
    ended = {"exitCode": 3, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
    source["status"]["containerStatuses"][0] |= {"restartCount": 2, "state": {"terminated": ended}}
    status = compact(source).status.container_statuses[0]
    assert status.state.terminated.exit_code == 3
    assert status.state.terminated.finished_at == "2026-01-01T00:00:00Z"
    assert status.restart_count == 2


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"activeDeadlineSeconds": 5},
        {"priorityClassName": "high"},
        {"overhead": {"cpu": "1"}},
        {"resources": {"requests": {"cpu": "2"}}},
        {"initContainers": [{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}]},
        {
            "affinity": {
                "podAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": "zone", "namespaceSelector": {}}
                    ]
                }
            }
        },
    ],
)  # fmt: skip
def test_quotas_measure_the_view_as_they_measure_the_document(compact: Any, spec: JsonObject) -> None:
    source = document(**spec)
    resized = {"resources": {"requests": {"cpu": "300m"}}, "allocatedResources": {"cpu": "400m"}}
    source["status"]["containerStatuses"][0] |= resized
    view = msgspec.to_builtins(compact(source))
    evaluator = Pods()
    assert evaluator.usage(view) == evaluator.usage(source)
    names = ("Terminating", "NotTerminating", "BestEffort", "PriorityClass", "CrossNamespacePodAffinity")
    for name in names:
        scope = {"scopeName": name, "operator": "Exists"}
        assert evaluator.in_scope(scope, view) == evaluator.in_scope(scope, source), name


def test_values_that_nothing_uses_any_more_are_forgotten() -> None:
    values = SharedValues(size=2)
    first = values.share("kind", ["first"])
    assert values.share("kind", ["first"]) is first
    for number in range(8):
        values.share("kind", [number])
    assert values.share("kind", ["first"]) is not first


def test_a_value_in_use_stays_shared() -> None:
    values = SharedValues(size=2)
    first = values.share("kind", ["first"])
    for number in range(8):
        values.share("kind", [number])
        assert values.share("kind", ["first"]) is first
