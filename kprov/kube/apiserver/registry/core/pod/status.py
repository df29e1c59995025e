"""Field rules of a pod's status: conditions, addresses and container states.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodStatusUpdate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import security
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

#: (field of the status, field of the spec).
_KINDS: Final = (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"))
_EPHEMERAL: Final = "ephemeralContainerStatuses"
_OWN_CONDITIONS: Final = {"PodScheduled", "Ready", "Initialized"}
_NOT_NEGATIVE: Final = "must be a non-negative integer"
_HEALTH: Final = ["Healthy", "Unhealthy", "Unknown"]
_RESTARTED: Final = "may not be transitioned to non-terminated state"


def validate_pod_status(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of /status. The spec is that of the old pod."""
    status, before, spec = obj.get("status") or {}, old.get("status") or {}, old["spec"]
    yield from pod_annotations.validate_unchanged_annotations(obj, old)
    yield from _validate_conditions(status.get("conditions"))
    yield from _validate_nominated_node(status, before, spec)
    if (status.get("observedGeneration") or 0) < 0:
        yield field.invalid("status.observedGeneration", status["observedGeneration"], _NOT_NEGATIVE)
    yield from checks.check_immutable(status, before, "status", "qosClass")
    for kind, containers in _KINDS:
        if not _may_restart_all_containers(spec):
            yield from _validate_container_states(status, before, kind, spec, spec.get(containers) or ())
    yield from _validate_container_states(status, before, _EPHEMERAL, spec, None)
    yield from _validate_claims(status.get("resourceClaimStatuses"), spec)
    yield from _validate_extended_claim(status.get("extendedResourceClaimStatus"), spec)
    yield from _validate_addresses(status, before, "podIPs")
    yield from _validate_host_ips(status, before)
    system = (spec.get("os") or {}).get("name", "linux")
    for kind in (*(kind for kind, _ in _KINDS), _EPHEMERAL):
        for where, container in enumerate_items(status.get(kind), f"status.{kind}"):
            yield from _validate_user(
                (container.get("user") or {}).get("linux"), system, f"{where}.user.linux"
            )
    yield from _validate_container_devices(status, spec)


def _validate_host_ips(status: JsonObject, before: JsonObject) -> Errors:
    if status.get("hostIPs"):
        first = status["hostIPs"][0].get("ip", "")
        if status.get("hostIP", "") != first:
            yield field.invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`")
        yield from _validate_addresses(status, before, "hostIPs")


def _validate_container_devices(status: JsonObject, spec: JsonObject) -> Errors:
    for kind, containers in _KINDS:
        for where, container in enumerate_items(status.get(kind), f"status.{kind}"):
            named = [
                spec_container
                for spec_container in spec.get(containers) or ()
                if spec_container["name"] == container.get("name", "")
            ]
            yield from _validate_allocated_devices(container, named[0] if named else None, where)
    for where, container in enumerate_items(status.get(_EPHEMERAL), f"status.{_EPHEMERAL}"):
        if container.get("allocatedResourcesStatus"):
            path = f"{where}.allocatedResourcesStatus"
            yield field.forbidden(path, "must not be specified in container status")


def _validate_conditions(conditions: Sequence[JsonObject] | None) -> Errors:
    for where, condition in enumerate_items(conditions, "status.conditions"):
        generation = condition.get("observedGeneration") or 0
        if generation < 0:
            yield field.invalid(f"{where}.observedGeneration", generation, _NOT_NEGATIVE)
        kind = condition.get("type", "")
        if kind not in _OWN_CONDITIONS:
            yield from checks.check_value(kind, f"{where}.Type", names.is_qualified_name)


def _validate_nominated_node(status: JsonObject, before: JsonObject, spec: JsonObject) -> Errors:
    path, name = "status.nominatedNodeName", status.get("nominatedNodeName") or ""
    if not name or name == (before.get("nominatedNodeName") or ""):
        return
    yield from checks.check_value(name, path, names.is_dns1123_subdomain)
    if spec.get("nodeName"):
        yield field.forbidden(path, "may not be set on pods that are already bound to a node")


def _may_restart_all_containers(spec: JsonObject) -> bool:
    """Whether the end of some container restarts all containers."""
    return any(
        rule.get("action") == "RestartAllContainers"
        for kind in ("initContainers", "containers")
        for container in spec.get(kind) or ()
        for rule in container.get("restartPolicyRules") or ()
    )


def _validate_container_states(
    status: JsonObject,
    before: JsonObject,
    kind: str,
    spec: JsonObject,
    containers: Sequence[JsonObject] | None,
) -> Errors:
    """Refuse to change the final state of a container. containers: None for ephemeral ones."""
    for where, old in enumerate_items(before.get(kind), f"status.{kind}"):
        ended = (old.get("state") or {}).get("terminated")
        if ended is None:
            continue
        new = next(
            (
                container_status
                for container_status in status.get(kind) or ()
                if container_status.get("name") == old.get("name")
            ),
            None,
        )
        if new is None or (new.get("state") or {}).get("terminated") is not None:
            continue
        own = next(
            (container for container in containers or () if container["name"] == old.get("name")), None
        )
        if own is None or not _is_restarted(own, spec, ended.get("exitCode") or 0):
            yield field.forbidden(f"{where}.state", _RESTARTED)


def _is_restarted(container: JsonObject, spec: JsonObject, code: int) -> bool:
    policy = container.get("restartPolicy")
    if policy is not None:
        for rule in container.get("restartPolicyRules") or ():
            codes = rule.get("exitCodes")
            if codes is None:
                continue
            listed = code in (codes.get("values") or ())
            if listed == (codes.get("operator") == "In"):
                return True
    policy = policy or spec.get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _validate_claims(claims: Sequence[JsonObject] | None, spec: JsonObject) -> Errors:
    known, seen = {claim.get("name") for claim in spec.get("resourceClaims") or ()}, set()
    for where, claim in enumerate_items(claims, "status.resourceClaimStatuses"):
        name = claim.get("name", "")
        if name not in known:
            text = "must match the name of an entry in `spec.resourceClaims`"
            yield field.invalid(f"{where}.name", name, text)
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        if claim.get("resourceClaimName") is not None:
            path = f"{where}.resourceClaimName"
            yield from checks.check_value(claim["resourceClaimName"], path, names.is_dns1123_subdomain)


def _validate_extended_claim(claim: JsonObject | None, spec: JsonObject) -> Errors:
    if claim is None:
        return
    path = "status.extendedResourceClaimStatus"
    containers = {
        spec_container["name"]: spec_container
        for kind in ("initContainers", "containers")
        for spec_container in spec.get(kind) or ()
    }
    mappings = claim.get("requestMappings") or ()
    if not mappings:
        yield field.required(f"{path}.requestMappings", "at least one request mapping is required")
    seen: set[tuple[str, str, str]] = set()
    for where, mapping in enumerate_items(mappings, f"{path}.requestMappings"):
        parts = ("containerName", "resourceName", "requestName")
        key = container, resource, request = tuple(mapping.get(part, "") for part in parts)
        if container not in containers:
            text = "must match the name of an entry in spec.initContainers.name or spec.containers.name"
            yield field.invalid(f"{where}.containerName", container, text)
        elif resource not in ((containers[container].get("resources") or {}).get("requests") or {}):
            text = (
                "must match the extended resource name of an entry in "
                "spec.initContainers.resources.requests or spec.containers.resources.requests"
            )
            yield field.invalid(f"{where}.resourceName", resource, text)
        yield from checks.check_value(request, f"{path}.requestName", names.is_dns1123_label)
        if key in seen:
            for part, value in zip(parts, key, strict=True):
                yield field.duplicate(f"{where}.{part}", value)
        seen.add((container, resource, request))
    yield from checks.check_required_field(claim, path, "resourceClaimName", names.is_dns1123_subdomain)


def _validate_addresses(status: JsonObject, before: JsonObject, part: str) -> Errors:
    """Allow one address a family. Addresses that the old status has are not checked."""
    path, known = f"status.{part}", {entry.get("ip", "") for entry in before.get(part) or ()}
    texts = [entry.get("ip", "") for entry in status.get(part) or ()]
    for where, text in enumerate_items(texts, path):
        if text not in known:
            yield from addresses.check_ip_address(text, where)
    if len(texts) < 2:
        return
    families = [addresses.find_family(text) for text in texts]
    if None in families:
        index = families.index(None)
        problem = f"invalid IP[{index}]: {texts[index]}"
        yield field.internal(path, f"failed to check for dual stack with error:{problem}")
    if None in families or len(set(families)) < 2 or len(texts) > 2:
        yield field.invalid(path, status[part], "may specify no more than one IP for each IP family")


def _validate_user(user: JsonObject | None, system: str, path: str) -> Errors:
    if user is None:
        return
    if system == "windows":
        yield field.forbidden(path, "cannot be set for a windows pod")
    elif system == "linux":
        for part in ("uid", "gid"):
            yield from checks.check_value(user.get(part) or 0, f"{path}.{part}", security.is_id)
        for where, group in enumerate_items(user.get("supplementalGroups"), f"{path}.supplementalGroups"):
            yield from checks.check_value(group, where, security.is_id)


def _validate_allocated_devices(container: JsonObject, own: JsonObject | None, path: str) -> Errors:
    """Field rules of allocated devices. own: the container in the spec, None if it is not there."""
    for where, resource in enumerate_items(
        container.get("allocatedResourcesStatus"), f"{path}.allocatedResourcesStatus"
    ):
        if own is not None:
            yield from _validate_requested_resource(
                resource.get("name", ""), own.get("resources") or {}, f"{where}.name"
            )
        seen = set()
        for place, device in enumerate_items(resource.get("resources"), f"{where}.resources"):
            yield from checks.check_enum(device.get("health", ""), f"{place}.health", _HEALTH)
            if device.get("resourceID", "") in seen:
                yield field.duplicate(f"{place}.resourceID", device.get("resourceID", ""))
            seen.add(device.get("resourceID", ""))


def _validate_requested_resource(name: str, resources: Mapping[str, JsonObject], path: str) -> Errors:
    if name.startswith("claim:"):
        claims: Sequence[JsonObject] = resources.get("claims") or ()  # type: ignore[assignment]
        known = {
            f"claim:{claim['name']}" + (f"/{claim['request']}" if claim.get("request") else "")
            for claim in claims
        }
        text = (
            "must match one of the container's resource claims in a format "
            "'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
        )
    else:
        known, text = (
            set(resources.get("requests") or ()),
            "must match one of the container's resource requests",
        )
    if name not in known:
        yield field.invalid(path, name, text)
