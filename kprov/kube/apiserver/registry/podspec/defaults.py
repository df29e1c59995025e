"""Defaults of pod specs, in pods and pod templates.

Source: upstream pkg/apis/core/v1/defaults.go and the order in zz_generated.defaults.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kprov.kube.apiserver.registry.podspec.volume_defaults import default_source
from kprov.kube.machinery.json_object import JsonObject

CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_FILE_MODE: Final = 0o644
_TOKEN_SECONDS: Final = 3600
_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DIGEST: Final = re.compile("sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_IMAGE: Final = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
)
#: A repository name without "docker.io/library/".
_IMAGE_MAX: Final = 247
#: A longer reference is not valid, and matching it takes a long time.
_LONG_IMAGE: Final = 2_048
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def default_template(template: JsonObject) -> None:
    """Set the defaults of a PodTemplateSpec."""
    template.setdefault("metadata", {})
    default_spec(template.setdefault("spec", {}))


def default_spec(spec: JsonObject) -> None:
    """Set the defaults of a pod spec and everything in it."""
    spec["dnsPolicy"] = spec.get("dnsPolicy") or "ClusterFirst"
    spec["restartPolicy"] = spec.get("restartPolicy") or "Always"
    spec["schedulerName"] = spec.get("schedulerName") or "default-scheduler"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30
    # The deprecated field serviceAccount always has the value of serviceAccountName.
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    for container in list_containers(spec):
        _default_container(container)


def list_containers(spec: JsonObject) -> Iterator[JsonObject]:
    """Init containers, containers and ephemeral containers."""
    for kind in CONTAINER_LISTS:
        yield from spec.get(kind) or ()


def _default_container(container: JsonObject) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = choose_pull_policy(container.get("image", ""))
    container["terminationMessagePath"] = container.get("terminationMessagePath") or "/dev/termination-log"
    container["terminationMessagePolicy"] = container.get("terminationMessagePolicy") or "File"
    if container.get("resources") is None:
        container["resources"] = {}
    for port in container.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        if source.get("fieldRef") is not None:
            _default_field_ref(source["fieldRef"])
        if source.get("fileKeyRef"):
            source["fileKeyRef"].setdefault("optional", False)
    for name in _PROBES:
        if container.get(name) is not None:
            _default_probe(container[name])
    lifecycle = container.get("lifecycle") or {}
    for name in ("postStart", "preStop"):
        _default_http_get((lifecycle.get(name) or {}).get("httpGet"))


def choose_pull_policy(image: str) -> str:
    """Return Always for the tag latest or no tag and digest, otherwise IfNotPresent."""
    if len(image) > _LONG_IMAGE:
        return "IfNotPresent"
    named, at, digest = image.partition("@")
    is_wrong = not _DIGEST.fullmatch(digest) if at else re.fullmatch("[a-f0-9]{64}", image)
    if is_wrong or not _IMAGE.fullmatch(named) or len(named.partition(":")[0]) > _IMAGE_MAX:
        return "IfNotPresent"
    _, _, tag = named.rsplit("/", 1)[-1].partition(":")
    return "Always" if tag == "latest" or not (tag or at) else "IfNotPresent"


def _default_probe(probe: JsonObject) -> None:
    for name, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe[name] = probe.get(name) or value
    _default_http_get(probe.get("httpGet"))
    if probe.get("grpc"):
        probe["grpc"]["service"] = probe["grpc"].get("service") or ""


def _default_http_get(action: JsonObject | None) -> None:
    if action is not None:
        action["path"] = action.get("path") or "/"
        action["scheme"] = action.get("scheme") or "HTTP"


def _default_field_ref(reference: JsonObject) -> None:
    reference["apiVersion"] = reference.get("apiVersion") or "v1"


def _default_volume(volume: JsonObject) -> None:
    sources = [name for name, source in volume.items() if name != "name" and source is not None]
    if not sources:
        volume["emptyDir"] = {}
        return
    name = sources[0]
    source = volume[name]
    if name in {"configMap", "secret", "projected", "downwardAPI"} and source.get("defaultMode") is None:
        source["defaultMode"] = _FILE_MODE
    default_source(name, source)
    if name == "downwardAPI":
        _default_items(source)
    elif name == "projected":
        for part in source.get("sources") or ():
            if part.get("serviceAccountToken") is not None:
                part["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_SECONDS)
            _default_items(part.get("downwardAPI") or {})
    elif name == "image" and not source.get("pullPolicy"):
        source["pullPolicy"] = choose_pull_policy(source.get("reference", ""))
    elif name == "ephemeral":
        template = (source.get("volumeClaimTemplate") or {}).get("spec")
        if template is not None and template.get("volumeMode") is None:
            template["volumeMode"] = "Filesystem"


def _default_items(source: JsonObject) -> None:
    for item in source.get("items") or ():
        if item.get("fieldRef") is not None:
            _default_field_ref(item["fieldRef"])
