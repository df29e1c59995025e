"""Field rules of containers. Probes, mounts, resources and others have their own files.

Source: upstream pkg/apis/core/validation/validation.go (validateContainers and what it calls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_required_enum,
    check_required_field,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.podspec.environment import validate_environment, validate_environment_from
from kprov.kube.apiserver.registry.podspec.mounts import validate_devices, validate_mounts
from kprov.kube.apiserver.registry.podspec.probes import PROBES, validate_hooks_and_probes
from kprov.kube.apiserver.registry.podspec.resources import validate_container_resources
from kprov.kube.apiserver.registry.podspec.security import validate_container_security_context
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

PROTOCOLS: Final = ["SCTP", "TCP", "UDP"]
_SIDECAR_ONLY: Final = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"
_PULL_POLICIES: Final = ["Always", "IfNotPresent", "Never"]
_RESTARTS: Final = ["Always", "Never", "OnFailure"]
_EPHEMERAL: Final = {
    *("name", "image", "command", "args", "workingDir", "envFrom", "env", "volumeMounts", "volumeDevices"),
    *("terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy", "securityContext", "stdin"),
    *("stdinOnce", "tty", "targetContainerName"),
}


@dataclass(frozen=True, slots=True)
class PodFacts:
    """Facts about the pod that the rules of a container need."""

    volumes: Mapping[str, JsonObject]
    claims: frozenset[str]
    grace: int | None
    os: str | None
    host_users: bool
    restart_policy: str
    privileged: bool


def validate_containers(spec: JsonObject, pod: PodFacts, path: str) -> Errors:
    """Field rules of all containers. path: of the pod spec."""
    regular = spec.get("containers") or []
    if not regular:
        yield field.required(f"{path}.containers")
    seen: set[str] = set()
    for where, container in enumerate_items(regular, f"{path}.containers"):
        yield from _validate_container(container, pod, where)
        if container.get("name", "") in seen:
            yield field.duplicate(f"{where}.name", container.get("name", ""))
        seen.add(container.get("name", ""))
        yield from validate_hooks_and_probes(container, pod.grace, pod.os, where)
        yield from _validate_restart(container, where)
    yield from _validate_host_ports(regular, f"{path}.containers")
    yield from _validate_init_containers(
        spec,
        pod,
        {regular_container.get("name", "") for regular_container in regular},
        f"{path}.initContainers",
    )
    yield from validate_ephemeral_containers(spec, pod, f"{path}.ephemeralContainers")


def _validate_init_containers(spec: JsonObject, pod: PodFacts, seen: set[str], path: str) -> Errors:
    for where, container in enumerate_items(spec.get("initContainers"), path):
        yield from _validate_container(container, pod, where)
        yield from _validate_restart(container, where)
        name = container.get("name", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        elif name:
            seen.add(name)
        yield from _validate_host_ports([container], path)
        if container.get("restartPolicy") == "Always":
            yield from validate_hooks_and_probes(container, pod.grace, pod.os, where)
            continue
        for part in ("lifecycle", *PROBES):
            if container.get(part) is not None:
                yield field.forbidden(f"{where}.{part}", _SIDECAR_ONLY)
        for place, policy in enumerate_items(container.get("resizePolicy"), f"{where}.resizePolicy"):
            if policy.get("restartPolicy") == "RestartContainer":
                text = "must not be set to 'RestartContainer' for non-sidecar initContainers"
                yield field.invalid(f"{place}.restartPolicy", "RestartContainer", text)


def validate_ephemeral_containers(spec: JsonObject, pod: PodFacts, path: str) -> Errors:
    others = {
        other_container.get("name", "")
        for kind in ("containers", "initContainers")
        for other_container in spec.get(kind) or ()
    }
    seen = set(others)
    for where, container in enumerate_items(spec.get("ephemeralContainers"), path):
        yield from _validate_container(container, pod, where)
        yield from validate_image_spaces([container], where, indexed=False)
        name, target = container.get("name", ""), container.get("targetContainerName", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        if target and target not in others:
            yield field.not_found(f"{where}.targetContainerName", target)
        for part in _ORDER:
            if part not in _EPHEMERAL and container.get(part):
                yield field.forbidden(f"{where}.{part}", _NOT_EPHEMERAL)
        for place, mount in enumerate_items(container.get("volumeMounts"), f"{where}.volumeMounts"):
            for part in ("subPath", "subPathExpr"):
                if mount.get(part):
                    yield field.forbidden(f"{place}.{part}", _NOT_EPHEMERAL)


#: Fields that ephemeral containers must not have, in the order of upstream's type.
_ORDER: Final = (
    *("ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules"),
    *("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
)


def _validate_container(container: JsonObject, pod: PodFacts, path: str) -> Errors:
    yield from check_required_field(container, path, "name", names.is_dns1123_label)
    if not container.get("image"):
        yield field.required(f"{path}.image")
    policy = container.get("terminationMessagePolicy")
    yield from check_required_enum(
        policy, f"{path}.terminationMessagePolicy", ["File", "FallbackToLogsOnError"]
    )
    yield from _validate_ports(container.get("ports"), f"{path}.ports")
    yield from validate_environment(container.get("env"), f"{path}.env")
    yield from validate_environment_from(container.get("envFrom"), f"{path}.envFrom")
    yield from validate_mounts(container, pod.volumes, f"{path}.volumeMounts")
    yield from validate_devices(container, pod.volumes, f"{path}.volumeDevices")
    yield from check_required_enum(
        container.get("imagePullPolicy"), f"{path}.imagePullPolicy", _PULL_POLICIES
    )
    yield from validate_container_resources(container.get("resources") or {}, pod.claims, f"{path}.resources")
    yield from _validate_resize(container.get("resizePolicy"), pod.restart_policy, f"{path}.resizePolicy")
    context, where = container.get("securityContext"), f"{path}.securityContext"
    yield from validate_container_security_context(
        context, where, host_users=pod.host_users, privileged=pod.privileged
    )


def validate_image_spaces(values: Sequence[JsonObject] | None, path: str, *, indexed: bool = True) -> Errors:
    """Refuse images with leading or trailing spaces. Pod templates may have them."""
    for where, container in enumerate_items(values, path):
        image = container.get("image", "")
        if image.strip() != image:
            text = "must not have leading or trailing whitespace"
            yield field.invalid(f"{where if indexed else path}.image", image, text)


def _validate_ports(ports: Sequence[JsonObject] | None, path: str) -> Errors:
    seen: set[str] = set()
    for where, port in enumerate_items(ports, path):
        name = port.get("name", "")
        if name:
            problems = names.is_port_name(name)
            yield from check_value(name, f"{where}.name", lambda _: problems)  # noqa: B023  used at once
            if not problems and name in seen:
                yield field.duplicate(f"{where}.name", name)
            seen.add(name)
        if not port.get("containerPort"):
            yield field.required(f"{where}.containerPort")
        for part in ("containerPort", "hostPort"):
            if port.get(part):
                yield from check_value(port[part], f"{where}.{part}", names.is_port_number)
        yield from check_required_enum(port.get("protocol"), f"{where}.protocol", PROTOCOLS)


def _validate_host_ports(values: Sequence[JsonObject], path: str) -> Errors:
    seen: set[str] = set()
    for where, container in enumerate_items(values, path):
        for place, port in enumerate_items(container.get("ports"), f"{where}.ports"):
            if not port.get("hostPort"):
                continue
            shown = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if shown in seen:
                yield field.duplicate(f"{place}.hostPort", shown)
            seen.add(shown)


def _validate_resize(policies: Sequence[JsonObject] | None, restart_policy: str, path: str) -> Errors:
    """Field rules of resizePolicy. As upstream, most errors name the list, not the item."""
    seen: set[str] = set()
    for where, policy in enumerate_items(policies, path):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            yield field.duplicate(where, name)
        seen.add(name)
        yield from check_required_enum(name, path, ["cpu", "memory"])
        yield from check_required_enum(restart, path, ["NotRequired", "RestartContainer"])
        if restart_policy == "Never" and restart != "NotRequired":
            text = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            yield field.invalid(path, restart, text)


def _validate_restart(container: JsonObject, path: str) -> Errors:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None:
        if rules:
            text = "must specify restartPolicy when restart rules are used"
            yield field.required(f"{path}.restartPolicy", text)
            if "initContainers" in path:
                return
    else:
        yield from check_enum(policy, f"{path}.restartPolicy", _RESTARTS)
    if len(rules) > 20:
        yield field.too_many(f"{path}.restartPolicyRules", len(rules), 20)
    for where, rule in enumerate_items(rules, f"{path}.restartPolicyRules"):
        actions = ["Restart", "RestartAllContainers"]
        yield from check_enum(rule.get("action", ""), f"{where}.action", actions)
        codes = rule.get("exitCodes")
        if codes is None:
            yield field.required(f"{where}.exitCodes", "must be specified")
            continue
        yield from check_enum(codes.get("operator", ""), f"{where}.exitCodes.operator", ["In", "NotIn"])
        if len(codes.get("values") or ()) > 255:
            yield field.too_many(f"{where}.exitCodes.values", len(codes["values"]), 255)
