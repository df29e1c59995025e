"""Pods and ports of a service (pkg/controller/util/endpoint, staging/src/k8s.io/endpointslice/utils.go)."""

from typing import Final

from kprov.kube.api.core import ObjectReference, Pod, Service, ServicePort
from kprov.kube.component_helpers import pod_conditions

HEADLESS_LABEL: Final = "service.kubernetes.io/headless"


def is_member(pod: Pod, *, terminating: bool) -> bool:
    """Whether the pod is an endpoint. `terminating`: whether terminating pods are."""
    if pod_conditions.is_terminal(pod) or not pod.status.pod_ips:
        return False
    return terminating or not pod.metadata.deletion_timestamp


def get_address(pod: Pod, family: str) -> str:
    """Return the pod's first address of the family (IPv4, IPv6), or ""."""
    wants_colon = family == "IPv6"
    for entry in pod.status.pod_ips:
        if (":" in entry.ip) == wants_colon:
            return entry.ip
    return ""


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ip == "None"


def get_hostname(pod: Pod, service: Service) -> str:
    """Return the pod's name in DNS below a headless service, or ""."""
    return pod.spec.hostname if pod.spec.hostname and pod.spec.subdomain == service.metadata.name else ""


def find_target_port(pod: Pod, port: ServicePort) -> int | None:
    """Return the number of the service port's target port in this pod.

    None if the pod has no port of that name.
    """
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    sidecars = [
        init_container
        for init_container in pod.spec.init_containers
        if init_container.restart_policy == "Always"
    ]
    for container in (*pod.spec.containers, *sidecars):
        for entry in container.ports:
            if entry.name == target and entry.protocol == port.protocol:
                return entry.container_port
    return None


def make_reference(pod: Pod) -> ObjectReference:
    return ObjectReference(
        kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid
    )


def is_relevant_change(old: Pod, new: Pod) -> bool:
    """Whether a change of a pod can change endpoints."""
    return (
        old.metadata.labels != new.metadata.labels
        or old.status.pod_ips != new.status.pod_ips
        or old.status.phase != new.status.phase
        or old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        or pod_conditions.is_ready(old) != pod_conditions.is_ready(new)
        or old.spec.node_name != new.spec.node_name
        or (old.spec.hostname, old.spec.subdomain) != (new.spec.hostname, new.spec.subdomain)
    )
