"""Warnings about pods and pod templates.

Source: upstream pkg/api/pod/warnings.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses
from kprov.kube.apiserver.registry.generic.checks import enumerate_items, parse_nanos
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import apparmor, node_label_warnings, volume_warnings
from kprov.kube.apiserver.registry.podspec.node_label_warnings import DEPRECATED_LABELS
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import find_claim_spec_warnings
from kprov.kube.apiserver.registry.podspec.windows import enumerate_containers
from kprov.kube.machinery import names, status
from kprov.kube.machinery.json_object import JsonObject

_NULL_SELECTOR: Final = "a null labelSelector results in matching no pod"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_VOLUMES: Final = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SYSCTLS: Final = 'non-functional in v1.11+; use the "sysctls" field instead'
_NO_SECCOMP: Final = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": _SYSCTLS,
    "security.alpha.kubernetes.io/unsafe-sysctls": _SYSCTLS,
}


def find_name_warnings(name: str, users: str) -> list[str]:
    """Warn of a name that is no DNS label. users: what the name becomes a part of."""
    broken = names.is_dns1123_label(name)
    if not broken:
        return []
    text = f"metadata.name: this is used in {users}, which can result in surprising behavior; a DNS label is "
    return [f"{text}recommended: [{' '.join(broken)}]"]


def find_pod_warnings(metadata: JsonObject, spec: JsonObject, path: str = "") -> list[str]:
    """Warnings about a pod spec. path: of the template, "" for pods."""
    prefix = f"{path}." if path else ""
    return [
        *_find_pod_level_warnings(metadata, spec, prefix),
        *_find_container_warnings(metadata, spec, prefix),
        *_find_affinity_warnings(spec, f"{prefix}spec"),
        *_find_address_warnings(spec, f"{prefix}spec"),
    ]


def _find_pod_level_warnings(metadata: JsonObject, spec: JsonObject, prefix: str) -> Iterator[str]:
    for key in spec.get("nodeSelector") or ():
        if key in DEPRECATED_LABELS:
            yield f"{prefix}spec.nodeSelector[{key}]: {DEPRECATED_LABELS[key]}"
    yield from _find_node_affinity_warnings(spec, f"{prefix}spec.affinity.nodeAffinity")
    yield from _find_spread_warnings(spec, f"{prefix}spec.topologySpreadConstraints")
    for key, text in _ANNOTATIONS.items():
        if key in (metadata.get("annotations") or {}):
            yield f"{prefix}metadata.annotations[{key}]: {text}"
    for where, volume in enumerate_items(spec.get("volumes"), f"{prefix}spec.volumes"):
        yield from _find_volume_warnings(volume, where)
    yield from volume_warnings.find_overlaps(spec.get("volumes") or ())
    yield from _find_duplicate_warnings(spec, prefix)
    for name in ("memory", "ephemeral-storage"):
        yield from _find_fraction_warnings(spec.get("overhead"), name, f"{prefix}spec.overhead")
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile is None and pod_annotations.SECCOMP in (metadata.get("annotations") or {}):
        yield f"{prefix}metadata.annotations[{pod_annotations.SECCOMP}]: {_NO_SECCOMP}"


def _find_node_affinity_warnings(spec: JsonObject, path: str) -> Iterator[str]:
    near = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (near.get(_REQUIRED) or {}).get("nodeSelectorTerms")
    for where, term in enumerate_items(terms, f"{path}.{_REQUIRED}.nodeSelectorTerms"):
        yield from node_label_warnings.find_term_warnings(term, where)
    for where, preferred in enumerate_items(near.get(_PREFERRED), f"{path}.{_PREFERRED}"):
        yield from node_label_warnings.find_term_warnings(
            preferred.get("preference") or {}, f"{where}.preference", values=True
        )


def _find_spread_warnings(spec: JsonObject, path: str) -> Iterator[str]:
    for where, constraint in enumerate_items(spec.get("topologySpreadConstraints"), path):
        key = constraint.get("topologyKey", "")
        if key in DEPRECATED_LABELS:
            yield f"{where}.topologyKey: {key} is {DEPRECATED_LABELS[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{where}.labelSelector: {_NULL_SELECTOR}"


def _find_volume_warnings(volume: JsonObject, path: str) -> Iterator[str]:
    for kind, text in _VOLUMES.items():
        if volume.get(kind) is not None:
            yield f"{path}.{'storageOS' if kind == 'storageos' else kind}: {text}"
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template is not None:
        claim = f"{path}.ephemeral.volumeClaimTemplate.spec"
        yield from find_claim_spec_warnings(template.get("spec") or {}, claim)


def _find_address_warnings(spec: JsonObject, path: str) -> Iterator[str]:
    for where, text in enumerate_items(
        (spec.get("dnsConfig") or {}).get("nameservers"), f"{path}.dnsConfig.nameservers"
    ):
        yield from addresses.find_ip_warnings(text, where)
    for where, alias in enumerate_items(spec.get("hostAliases"), f"{path}.hostAliases"):
        yield from addresses.find_ip_warnings(alias.get("ip", ""), f"{where}.ip")


def _find_duplicate_warnings(spec: JsonObject, prefix: str) -> Iterator[str]:
    for kind, part, shown in (("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")):
        seen: set[str] = set()
        for where, item in enumerate_items(spec.get(kind), f"{prefix}spec.{kind}"):
            value = item.get(part) or ""
            if value in seen:
                yield f"{where}.{part}: duplicate {shown} {status.quoted(value)}"
            seen.add(value)
    for where, secret in enumerate_items(spec.get("imagePullSecrets"), f"{prefix}spec.imagePullSecrets"):
        if not secret.get("name"):
            yield f'{where}.name: invalid empty name ""'


def _find_fraction_warnings(amounts: JsonObject | None, name: str, path: str) -> Iterator[str]:
    amount = (amounts or {}).get(name)
    if amount is not None and parse_nanos(amount) % 10**9:
        yield f'{path}[{name}]: fractional byte value "{amount}" is invalid, must be an integer'


def _find_profile_warnings(
    metadata: JsonObject, spec: JsonObject, container: JsonObject, prefix: str
) -> Iterator[str]:
    """Warnings about annotations that fields replaced. For pods, sync_profiles warns about AppArmor."""
    annotations, name = metadata.get("annotations") or {}, container.get("name", "")
    own = container.get("securityContext") or {}
    key = f"{pod_annotations.SECCOMP_CONTAINER}{name}"
    if key in annotations and own.get("seccompProfile") is None:
        yield f"{prefix}metadata.annotations[{key}]: {_NO_SECCOMP}"
    key = f"{pod_annotations.APPARMOR}{name}"
    if prefix and key in annotations and own.get("appArmorProfile") is None:
        of_pod = (spec.get("securityContext") or {}).get("appArmorProfile")
        if of_pod is None or of_pod != apparmor.parse_profile(annotations[key]):
            yield f"{prefix}metadata.annotations[{key}]: {apparmor.DEPRECATED}"


def _find_container_warnings(metadata: JsonObject, spec: JsonObject, prefix: str) -> Iterator[str]:
    path = f"{prefix}spec"
    for where, container in enumerate_containers(spec, path):
        yield from _find_profile_warnings(metadata, spec, container, prefix)
        resources = container.get("resources") or {}
        for name in ("memory", "ephemeral-storage"):
            for part in ("limits", "requests"):
                yield from _find_fraction_warnings(resources.get(part), name, f"{where}.resources.{part}")
        seen: set[str] = set()
        for place, variable in enumerate_items(container.get("env"), f"{where}.env"):
            name, value = variable.get("name", ""), variable.get("value", "")
            used = f"$({name})"
            if name in seen and (variable.get("valueFrom") is not None or value == used or used not in value):
                shown = status.quoted(name)
                yield f"{place}: hides previous definition of {shown}, which may be dropped when using apply"
            seen.add(name)
    yield from _find_port_warnings(spec, path)


def _find_port_warnings(spec: JsonObject, path: str) -> Iterator[str]:
    ports = [
        (place, port)
        for where, container in enumerate_containers(spec, path)
        for place, port in enumerate_items(container.get("ports"), f"{where}.ports")
    ]
    before: dict[tuple[int, str], list[tuple[str, JsonObject]]] = {}
    for place, port in ports:
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{place}: hostIP set without hostPort: {_format_go_port(port)}"
        others = before.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
        for where, other in others:
            same_ip = port.get("hostIP", "") == other.get("hostIP", "")
            mine, its = port.get("hostPort") or 0, other.get("hostPort") or 0
            if same_ip and mine == its:
                yield f"{place}: duplicate port definition with {where}"
            elif not mine or not its:
                yield f"{place}: overlapping port definition with {where}"
            elif mine == its and bool(port.get("hostIP")) != bool(other.get("hostIP")):
                yield f"{place}: dangerously ambiguous port definition with {where}"
        others.append((place, port))
    named: dict[str, str] = {}
    for place, port in ports:
        name = port.get("name", "")
        if name in named:
            first = named[name]
            yield (
                f"{place}: duplicate port name {status.quoted(name)} with {first}, services and probes that "
                f"select ports by name will use {first}"
            )
        elif name:
            named[name] = place


def _format_go_port(port: JsonObject) -> str:
    shown = (
        *(("Name", "name"), ("HostPort", "hostPort"), ("ContainerPort", "containerPort")),
        *(("Protocol", "protocol"), ("HostIP", "hostIP")),
    )
    zero = {"hostPort": 0, "containerPort": 0}
    return "{" + " ".join(f"{go}:{port.get(name) or zero.get(name, '')}" for go, name in shown) + "}"


def _find_affinity_warnings(spec: JsonObject, path: str) -> Iterator[str]:
    seconds = spec.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds < 0:
        text = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {text}"
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        for where, term in enumerate_items(affinity.get(_REQUIRED), f"{path}.affinity.{kind}.{_REQUIRED}"):
            if term.get("labelSelector") is None:
                yield f"{where}.labelSelector: {_NULL_SELECTOR}"
        for where, weighted in enumerate_items(
            affinity.get(_PREFERRED), f"{path}.affinity.{kind}.{_PREFERRED}"
        ):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{where}.podAffinityTerm.labelSelector: {_NULL_SELECTOR}"
