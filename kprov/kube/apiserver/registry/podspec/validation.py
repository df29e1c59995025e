"""Field rules of pod specs, in pods and pod templates.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import INT32_MAX, Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import containers as container_validation
from kprov.kube.apiserver.registry.podspec import environment, scheduling, security, windows
from kprov.kube.apiserver.registry.podspec import resources as container_resources
from kprov.kube.apiserver.registry.podspec import volumes as pod_volumes
from kprov.kube.apiserver.registry.podspec.pod_resources import validate_pod_level_resources
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_RESTART: Final = ["Always", "OnFailure", "Never"]
_DNS: Final = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
_PREEMPTION: Final = ["PreemptLowerPriority", "Never"]


def validate_pod(obj: JsonObject, settings: ServerSettings, before: JsonObject | None = None) -> Errors:
    """Field rules of a pod's spec and annotations. The store validates the other metadata.

    before: the spec that an update changes.
    """
    spec, metadata = obj["spec"], obj["metadata"]
    yield from pod_annotations.validate_pod_annotations(metadata, spec)
    yield from validate_pod_spec(spec, "spec", settings, metadata=metadata, is_pod=True, before=before)
    if not spec.get("serviceAccountName"):
        for where, volume in enumerate_items(spec.get("volumes"), "spec.volumes"):
            for place, source in enumerate_items(
                (volume.get("projected") or {}).get("sources"), f"{where}.projected.sources"
            ):
                if source.get("serviceAccountToken") is not None:
                    text = "must not be specified when serviceAccountName is not set"
                    yield field.forbidden(f"{place}.serviceAccountToken", text)
    for kind in ("containers", "initContainers"):
        yield from container_validation.validate_image_spaces(spec.get(kind), f"spec.{kind}")


def validate_new_pod(obj: JsonObject, settings: ServerSettings) -> Errors:
    yield from validate_pod(obj, settings)
    spec = obj["spec"]
    if spec.get("ephemeralContainers"):
        yield field.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield field.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
    yield from pod_annotations.validate_matching_profiles(obj["metadata"], spec)


def collect_pod_facts(
    spec: JsonObject, volumes: Mapping[str, JsonObject], settings: ServerSettings
) -> container_validation.PodFacts:
    return container_validation.PodFacts(
        volumes=volumes,
        claims=frozenset(claim["name"] for claim in spec.get("resourceClaims") or () if claim.get("name")),
        grace=spec.get("terminationGracePeriodSeconds"),
        os=None if spec.get("os") is None else spec["os"].get("name", ""),
        host_users=spec.get("hostUsers") is not False,
        restart_policy=spec.get("restartPolicy", ""),
        privileged=settings.allow_privileged,
    )


def validate_pod_spec(
    spec: JsonObject,
    path: str,
    settings: ServerSettings,
    *,
    metadata: JsonObject | None = None,
    is_pod: bool = False,
    before: JsonObject | None = None,
) -> Errors:
    """Field rules of a pod spec. metadata: of the pod, None in a template. before: the old spec."""
    wrong, volumes = pod_volumes.validate_volumes(
        spec.get("volumes") or (), (metadata or {}).get("name", ""), f"{path}.volumes", is_pod=is_pod
    )
    yield from wrong
    yield from _validate_claims(spec, path, metadata)
    known = collect_pod_facts(spec, volumes, settings)
    yield from container_validation.validate_containers(spec, known, path)
    yield from validate_pod_level_resources(spec, known.claims, path)
    yield from _validate_host_network(spec, path, is_pod=is_pod)
    yield from checks.check_required_enum(spec["restartPolicy"], f"{path}.restartPolicy", _RESTART)
    yield from checks.check_required_enum(spec["dnsPolicy"], f"{path}.dnsPolicy", _DNS)
    yield from checks.check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from security.validate_pod_security_context(spec, f"{path}.securityContext", before)
    had: JsonObject = before or {}
    yield from scheduling.validate_affinity(spec.get("affinity"), f"{path}.affinity", had.get("affinity"))
    yield from _validate_dns_config(spec, f"{path}.dnsConfig")
    for where, gate in enumerate_items(spec.get("readinessGates"), f"{path}.readinessGates"):
        yield from checks.check_value(
            gate.get("conditionType", ""), f"{where}.conditionType", names.is_qualified_name
        )
    yield from scheduling.validate_gates(spec.get("schedulingGates"), f"{path}.schedulingGates")
    constraints = spec.get("topologySpreadConstraints") or ()
    where = f"{path}.topologySpreadConstraints"
    yield from scheduling.validate_spread(constraints, where, had.get("topologySpreadConstraints") or ())
    yield from windows.validate_host_process(spec, path, privileged=known.privileged)
    yield from _validate_user_namespace(spec, path, had)
    yield from _validate_host_name(spec, path)
    yield from _validate_scalars(spec, path)
    yield from windows.validate_operating_system(spec, path)
    for where, container in windows.enumerate_containers(spec, path):
        yield from environment.validate_file_volumes(container, spec.get("volumes") or (), where)


def _validate_scalars(spec: JsonObject, path: str) -> Errors:
    yield from checks.check_optional_field(spec, path, "serviceAccountName", names.is_dns1123_subdomain)
    yield from checks.check_optional_field(spec, path, "nodeName", names.is_dns1123_subdomain)
    where = f"{path}.activeDeadlineSeconds"
    yield from checks.check_range(spec.get("activeDeadlineSeconds"), where, 1, INT32_MAX)
    yield from checks.check_optional_field(spec, path, "hostname", names.is_dns1123_label)
    yield from checks.check_optional_field(spec, path, "subdomain", names.is_dns1123_label)
    yield from scheduling.validate_tolerations(spec.get("tolerations"), f"{path}.tolerations")
    for where, alias in enumerate_items(spec.get("hostAliases"), f"{path}.hostAliases"):
        yield from addresses.check_ip_address(alias.get("ip", ""), f"{where}.ip")
        for place, name in enumerate_items(alias.get("hostnames"), f"{where}.hostnames"):
            yield from checks.check_value(name, place, names.is_dns1123_subdomain)
    yield from checks.check_optional_field(spec, path, "priorityClassName", names.is_dns1123_subdomain)
    if spec.get("runtimeClassName") is not None:
        where = f"{path}.runtimeClassName"
        yield from checks.check_value(spec["runtimeClassName"], where, names.is_dns1123_subdomain)
    if spec.get("preemptionPolicy") is not None:
        where = f"{path}.preemptionPolicy"
        yield from checks.check_required_enum(spec["preemptionPolicy"], where, _PREEMPTION)
    if spec.get("overhead"):
        yield from container_resources.validate_container_resources(
            {"limits": spec["overhead"]}, (), f"{path}.overhead"
        )


def _validate_claims(spec: JsonObject, path: str, metadata: JsonObject | None) -> Errors:
    mirror = "kubernetes.io/config.mirror" in ((metadata or {}).get("annotations") or {})
    seen: set[str] = set()
    for where, claim in enumerate_items(spec.get("resourceClaims"), f"{path}.resourceClaims"):
        if mirror:
            yield field.forbidden("[]", "static pods do not support resource claims")
            continue
        name, kinds = claim.get("name", ""), ("resourceClaimName", "resourceClaimTemplateName")
        if not name:
            yield field.required(f"{where}.name")
        elif name in seen:
            yield field.duplicate(f"{where}.name", name)
        else:
            yield from checks.check_value(name, f"{where}.name", names.is_dns1123_label)
        seen.add(name)
        matching_kinds = [kind for kind in kinds if claim.get(kind) is not None]
        if len(matching_kinds) > 1:
            text = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield field.invalid(where, claim, text)
        if not matching_kinds:
            text = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield field.invalid(where, claim, text)
        for kind in matching_kinds:
            yield from checks.check_value(claim[kind], f"{where}.{kind}", names.is_dns1123_subdomain)


def _validate_host_network(spec: JsonObject, path: str, *, is_pod: bool) -> Errors:
    if not spec.get("hostNetwork"):
        return
    for where, container in enumerate_items(spec.get("containers"), f"{path}.containers"):
        for place, port in enumerate_items(container.get("ports"), f"{where}.ports"):
            on_host = port.get("hostPort") or 0
            if (is_pod or on_host) and on_host != (port.get("containerPort") or 0):
                text = "must match `containerPort` when `hostNetwork` is true"
                yield field.invalid(f"{place}.hostPort", on_host, text)


def _validate_user_namespace(spec: JsonObject, path: str, had: JsonObject) -> Errors:
    """Field rules of hostUsers. had: the old spec; its hostNetwork may stay."""
    if spec.get("hostUsers") is not False:
        return
    keeps_network = had.get("hostUsers") is False and had.get("hostNetwork")
    for part, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(part) and not (part == "hostNetwork" and keeps_network):
            yield field.forbidden(f"{path}.{shown}", "when `hostUsers` is false")


def _validate_host_name(spec: JsonObject, path: str) -> Errors:
    name, where = spec.get("hostnameOverride"), f"{path}.hostnameOverride"
    if name is None:
        return
    if spec.get("setHostnameAsFQDN"):
        yield field.forbidden(where, "may not be specified when setHostnameAsFQDN is true")
    if spec.get("hostNetwork"):
        yield field.forbidden(where, "may not be specified when hostNetwork is true")
    if len(name.encode()) > 64:
        yield field.too_long(where, 64)
    yield from checks.check_value(name, where, names.is_dns1123_subdomain)


def _validate_dns_config(spec: JsonObject, path: str) -> Errors:
    config = spec.get("dnsConfig")
    if spec["dnsPolicy"] == "None":
        if config is None:
            yield field.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.get("nameservers"):
            text = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield field.required(f"{path}.nameservers", text)
            return
    yield from _validate_dns_lists(config or {}, path)


def _validate_dns_lists(config: JsonObject, path: str) -> Errors:
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > 3:
        yield field.invalid(f"{path}.nameservers", servers, "must not have more than 3 nameservers")
    for where, server in enumerate_items(servers, f"{path}.nameservers"):
        yield from addresses.check_ip_address(server, where)
    if len(searches) > 32:
        yield field.invalid(f"{path}.searches", searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > 2048:
        text = "must not have more than 2048 characters (including spaces) in the search list"
        yield field.invalid(f"{path}.searches", searches, text)
    for where, search in enumerate_items(searches, f"{path}.searches"):
        if search != ".":
            check = names.is_dns1123_subdomain_with_underscore
            yield from checks.check_value(search.removesuffix("."), where, check)
    for where, option in enumerate_items(config.get("options"), f"{path}.options"):
        if not option.get("name"):
            yield field.required(where, "must not be empty")
