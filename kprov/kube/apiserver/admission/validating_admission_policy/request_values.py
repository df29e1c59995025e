"""The variables `request` and `namespaceObject` of expressions.

Source: k8s.io/apiserver/pkg/admission/plugin/cel/condition.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.admission.validating_admission_policy.match_resources import get_requested_resource
from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.resources import Resource

_OPTIONS: Final = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
_NAMESPACE_METADATA: Final = (
    "name",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "finalizers",
)


def build_request(attributes: Attributes, matched: Resource) -> JsonObject:
    """Return an AdmissionRequest without its empty fields. matched: the version of the resource in a rule."""
    requested = get_requested_resource(attributes)
    request: dict[str, Any] = {
        "uid": "",
        "kind": _describe_kind(attributes, matched),
        "resource": _describe_resource(matched),
        "requestKind": _describe_kind(attributes, requested),
        "requestResource": _describe_resource(requested),
        "operation": attributes.operation,
        "userInfo": attributes.context.user.to_document(),
        "dryRun": attributes.context.dry_run,
        "options": _build_options(attributes),
        "object": None,
        "oldObject": None,
    }
    texts = {
        "subResource": attributes.subresource,
        "requestSubResource": attributes.subresource,
        "name": attributes.name,
        "namespace": attributes.namespace,
    }
    return request | {name: text for name, text in texts.items() if text}


def _describe_kind(attributes: Attributes, resource: Resource) -> JsonObject:
    subresource = resource.subresource(attributes.subresource) if attributes.subresource else None
    group, version, kind = (
        resource.gvk
        if subresource is None
        else (
            subresource.group,
            subresource.version,
            subresource.kind,
        )
    )
    return {"group": group, "version": version, "kind": kind}


def _describe_resource(resource: Resource) -> JsonObject:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}


def _build_options(attributes: Attributes) -> JsonObject | None:
    kind = _OPTIONS.get(attributes.operation)
    if kind is None:
        return None
    options: JsonObject = {"kind": kind, "apiVersion": "meta.k8s.io/v1", **attributes.options}
    if attributes.context.dry_run:
        options["dryRun"] = ["All"]
    if attributes.operation != "DELETE" and attributes.context.field_manager:
        options["fieldManager"] = attributes.context.field_manager
    return options


def build_namespace(namespace: JsonMapping) -> JsonObject:
    """Return the fields of a namespace that expressions may read."""
    metadata = namespace["metadata"]
    return {
        "metadata": {name: metadata[name] for name in _NAMESPACE_METADATA if name in metadata},
        "spec": namespace.get("spec") or {},
        "status": namespace.get("status") or {},
    }
