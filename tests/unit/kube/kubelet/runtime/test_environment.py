"""Environment variables of containers."""

import base64
from typing import Any

import pytest

from kprov.kube.api.meta import NodeName
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.runtime.environment import EnvironmentSources, make_environment_variables
from kprov.kube.machinery.quantity import Quantity
from tests.unit.kube.kubelet.kubelet_builders import container, pod

OBJECTS = {
    ("configmaps", "default", "cm"): {"data": {"a": "1", "b": "2"}},
    ("secrets", "default", "sec"): {"data": {"pw": base64.b64encode(b"hunter2").decode()}},
}


async def get_object(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((kind, namespace, name))


async def make(services: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, str]:
    definition = container(**fields)
    sources = EnvironmentSources(
        get_object,
        NodeFields(pod_ips=["10.1.0.5"], host_ips=["10.0.0.1"], node_name=NodeName("n1")),
        {"cpu": Quantity.of(2), "memory": Quantity.parse("1Gi")},
    )
    return await make_environment_variables(
        pod(definition), definition, services=services or [], sources=sources
    )


def entry(name: str, **source: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": source}


async def test_values_come_from_objects_fields_and_resources() -> None:
    env = [
        entry("A", configMapKeyRef={"name": "cm", "key": "a"}),
        entry("PW", secretKeyRef={"name": "sec", "key": "pw"}),
        entry("IP", fieldRef={"fieldPath": "status.podIP"}),
        entry("NODE", fieldRef={"fieldPath": "spec.nodeName"}),
        entry("CPU", resourceFieldRef={"resource": "requests.cpu", "divisor": "1m"}),
        entry("MEM", resourceFieldRef={"resource": "limits.memory", "divisor": "1Mi"}),
    ]
    values = await make(env=env, resources={"requests": {"cpu": "250m"}})
    expected = {"A": "1", "PW": "hunter2", "IP": "10.1.0.5", "NODE": "n1", "CPU": "250", "MEM": "1024"}
    assert values == expected


async def test_env_wins_over_env_from_and_expands_earlier_variables() -> None:
    env = [{"name": "X_a", "value": "own"}, {"name": "BOTH", "value": "$(X_a)-$(X_b)-$(NONE)-$$(X_a)"}]
    values = await make(envFrom=[{"prefix": "X_", "configMapRef": {"name": "cm"}}], env=env)
    assert values == {"X_a": "own", "X_b": "2", "BOTH": "own-2-$(NONE)-$(X_a)"}


async def test_missing_objects_and_keys_are_errors_unless_they_are_optional() -> None:
    with pytest.raises(ContainerConfigError, match='configmap "nope" not found'):
        await make(envFrom=[{"configMapRef": {"name": "nope"}}])
    with pytest.raises(ContainerConfigError, match="couldn't find key z in ConfigMap default/cm"):
        await make(env=[entry("Z", configMapKeyRef={"name": "cm", "key": "z"})])
    optional = {"name": "cm", "key": "z", "optional": True}
    assert await make(env=[entry("Z", configMapKeyRef=optional)]) == {}


async def test_services_of_the_namespace_become_link_variables() -> None:
    service = {
        "metadata": {"name": "my-db", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.7", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]},
    }
    other = {"metadata": {"name": "x", "namespace": "other"}, "spec": {"clusterIP": "10.96.0.8", "ports": []}}
    assert await make([service, other]) == {
        "MY_DB_SERVICE_HOST": "10.96.0.7",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_PORT": "tcp://10.96.0.7:5432",
        "MY_DB_PORT_5432_TCP": "tcp://10.96.0.7:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "10.96.0.7",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("a$b", "a$b"), ("$(A", "$(A"), ("$$$(A)", "$1")],
)
def test_references_expand_as_upstream(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected
