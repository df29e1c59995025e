"""What containers must look like: names, ports, mounts, restarts; the other parts have files of their own.

Source: upstream pkg/apis/core/validation/validation.go (validateContainers and what it calls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, each, named, needed, one_of, one_of_required
from kprov.kube.apiserver.registry.podspec.environment import environment, environment_from
from kprov.kube.apiserver.registry.podspec.mounts import devices, mounts
from kprov.kube.apiserver.registry.podspec.probes import PROBES, hooks_and_probes
from kprov.kube.apiserver.registry.podspec.resources import container_resources
from kprov.kube.apiserver.registry.podspec.security import container_security_context
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
    """What the rules of a container look at in its pod."""

    volumes: Mapping[str, JsonObject]
    claims: frozenset[str]
    grace: int | None
    os: str | None
    host_users: bool
    restart_policy: str
    privileged: bool


def containers(spec: JsonObject, pod: PodFacts, path: str) -> Errors:
    """`path` is the pod spec's."""
    regular = spec.get("containers") or []
    if not regular:
        yield field.required(f"{path}.containers")
    seen: set[str] = set()
    for where, container in each(regular, f"{path}.containers"):
        yield from _common(container, pod, where)
        if container.get("name", "") in seen:
            yield field.duplicate(f"{where}.name", container.get("name", ""))
        seen.add(container.get("name", ""))
        yield from hooks_and_probes(container, pod.grace, pod.os, where)
        yield from _restart(container, where)
    yield from _host_ports(regular, f"{path}.containers")
    yield from _init_containers(
        spec, pod, {each.get("name", "") for each in regular}, f"{path}.initContainers"
    )
    yield from ephemeral_containers(spec, pod, f"{path}.ephemeralContainers")


def _init_containers(spec: JsonObject, pod: PodFacts, seen: set[str], path: str) -> Errors:
    for where, container in each(spec.get("initContainers"), path):
        yield from _common(container, pod, where)
        yield from _restart(container, where)
        name = container.get("name", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        elif name:
            seen.add(name)
        yield from _host_ports([container], path)
        if container.get("restartPolicy") == "Always":
            yield from hooks_and_probes(container, pod.grace, pod.os, where)
            continue
        for part in ("lifecycle", *PROBES):
            if container.get(part) is not None:
                yield field.forbidden(f"{where}.{part}", _SIDECAR_ONLY)
        for place, policy in each(container.get("resizePolicy"), f"{where}.resizePolicy"):
            if policy.get("restartPolicy") == "RestartContainer":
                text = "must not be set to 'RestartContainer' for non-sidecar initContainers"
                yield field.invalid(f"{place}.restartPolicy", "RestartContainer", text)


def ephemeral_containers(spec: JsonObject, pod: PodFacts, path: str) -> Errors:
    others = {
        each.get("name", "") for kind in ("containers", "initContainers") for each in spec.get(kind) or ()
    }
    seen = set(others)
    for where, container in each(spec.get("ephemeralContainers"), path):
        yield from _common(container, pod, where)
        yield from image_spaces([container], where, indexed=False)
        name, target = container.get("name", ""), container.get("targetContainerName", "")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        if target and target not in others:
            yield field.not_found(f"{where}.targetContainerName", target)
        for part in _ORDER:
            if part not in _EPHEMERAL and container.get(part):
                yield field.forbidden(f"{where}.{part}", _NOT_EPHEMERAL)
        for place, mount in each(container.get("volumeMounts"), f"{where}.volumeMounts"):
            for part in ("subPath", "subPathExpr"):
                if mount.get(part):
                    yield field.forbidden(f"{place}.{part}", _NOT_EPHEMERAL)


#: Fields of containers that ephemeral ones cannot have, as they stand in upstream's type.
_ORDER: Final = (
    *("ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules"),
    *("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
)


def _common(container: JsonObject, pod: PodFacts, path: str) -> Errors:
    yield from needed(container, path, "name", names.is_dns1123_label)
    if not container.get("image"):
        yield field.required(f"{path}.image")
    policy = container.get("terminationMessagePolicy")
    yield from one_of_required(policy, f"{path}.terminationMessagePolicy", ["File", "FallbackToLogsOnError"])
    yield from _ports(container.get("ports"), f"{path}.ports")
    yield from environment(container.get("env"), f"{path}.env")
    yield from environment_from(container.get("envFrom"), f"{path}.envFrom")
    yield from mounts(container, pod.volumes, f"{path}.volumeMounts")
    yield from devices(container, pod.volumes, f"{path}.volumeDevices")
    yield from one_of_required(container.get("imagePullPolicy"), f"{path}.imagePullPolicy", _PULL_POLICIES)
    yield from container_resources(container.get("resources") or {}, pod.claims, f"{path}.resources")
    yield from _resize(container.get("resizePolicy"), pod.restart_policy, f"{path}.resizePolicy")
    context, where = container.get("securityContext"), f"{path}.securityContext"
    yield from container_security_context(
        context, where, host_users=pod.host_users, privileged=pod.privileged
    )


def image_spaces(values: Sequence[JsonObject] | None, path: str, *, indexed: bool = True) -> Errors:
    """Images of pods (a template may have what its pods may not)."""
    for where, container in each(values, path):
        image = container.get("image", "")
        if image.strip() != image:
            text = "must not have leading or trailing whitespace"
            yield field.invalid(f"{where if indexed else path}.image", image, text)


def _ports(ports: Sequence[JsonObject] | None, path: str) -> Errors:
    seen: set[str] = set()
    for where, port in each(ports, path):
        name = port.get("name", "")
        if name:
            problems = names.is_port_name(name)
            yield from named(name, f"{where}.name", lambda _: problems)  # noqa: B023  used at once
            if not problems and name in seen:
                yield field.duplicate(f"{where}.name", name)
            seen.add(name)
        if not port.get("containerPort"):
            yield field.required(f"{where}.containerPort")
        for part in ("containerPort", "hostPort"):
            if port.get(part):
                yield from named(port[part], f"{where}.{part}", names.is_port_number)
        yield from one_of_required(port.get("protocol"), f"{where}.protocol", PROTOCOLS)


def _host_ports(values: Sequence[JsonObject], path: str) -> Errors:
    seen: set[str] = set()
    for where, container in each(values, path):
        for place, port in each(container.get("ports"), f"{where}.ports"):
            if not port.get("hostPort"):
                continue
            shown = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if shown in seen:
                yield field.duplicate(f"{place}.hostPort", shown)
            seen.add(shown)


def _resize(policies: Sequence[JsonObject] | None, restart_policy: str, path: str) -> Errors:
    """Upstream names the list, not the item, in most of these."""
    seen: set[str] = set()
    for where, policy in each(policies, path):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            yield field.duplicate(where, name)
        seen.add(name)
        yield from one_of_required(name, path, ["cpu", "memory"])
        yield from one_of_required(restart, path, ["NotRequired", "RestartContainer"])
        if restart_policy == "Never" and restart != "NotRequired":
            text = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            yield field.invalid(path, restart, text)


def _restart(container: JsonObject, path: str) -> Errors:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None:
        if rules:
            text = "must specify restartPolicy when restart rules are used"
            yield field.required(f"{path}.restartPolicy", text)
            if "initContainers" in path:
                return
    else:
        yield from one_of(policy, f"{path}.restartPolicy", _RESTARTS)
    if len(rules) > 20:
        yield field.too_many(f"{path}.restartPolicyRules", len(rules), 20)
    for where, rule in each(rules, f"{path}.restartPolicyRules"):
        actions = ["Restart", "RestartAllContainers"]
        yield from one_of(rule.get("action", ""), f"{where}.action", actions)
        codes = rule.get("exitCodes")
        if codes is None:
            yield field.required(f"{where}.exitCodes", "must be specified")
            continue
        yield from one_of(codes.get("operator", ""), f"{where}.exitCodes.operator", ["In", "NotIn"])
        if len(codes.get("values") or ()) > 255:
            yield field.too_many(f"{where}.exitCodes.values", len(codes["values"]), 255)
