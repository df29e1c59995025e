"""Fields that field selectors of each kind accept.

A kind without an entry in LABELS accepts metadata.name and metadata.namespace.
Source: upstream pkg/apis/*/v1/conversion.go (AddFieldLabelConversionFunc).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.machinery.selectors import FieldSelector, FieldTerm, SelectorError

_BOTH: Final = "metadata.name metadata.namespace"
_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


def _keep_names(text: str) -> dict[str, str]:
    return {name: name for name in text.split()}


#: By (group, version, kind): the field name in requests, and the field path in stored objects.
LABELS: Final[dict[tuple[str, str, str], dict[str, str]]] = {
    ("", "v1", "Pod"): _keep_names(
        f"{_BOTH} spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName"
        " spec.hostNetwork status.phase status.podIP status.podIPs status.nominatedNodeName"
    )
    | {"spec.host": "spec.nodeName"},
    ("", "v1", "Node"): _keep_names("metadata.name spec.unschedulable"),
    ("", "v1", "ReplicationController"): _keep_names(f"{_BOTH} status.replicas"),
    ("", "v1", "Event"): _keep_names(f"{_BOTH} reason reportingComponent source type")
    | {f"involvedObject.{part}": f"involvedObject.{part}" for part in _INVOLVED},
    ("", "v1", "Namespace"): _keep_names("metadata.name status.phase"),
    ("", "v1", "Secret"): _keep_names(f"{_BOTH} type"),
    ("", "v1", "Service"): _keep_names(f"{_BOTH} spec.clusterIP spec.type"),
    ("events.k8s.io", "v1", "Event"): _keep_names(f"{_BOTH} reason type")
    | {"reportingController": "reportingComponent"}
    | {f"regarding.{part}": f"involvedObject.{part}" for part in _INVOLVED},
    ("batch", "v1", "Job"): _keep_names(f"{_BOTH} status.successful"),
    ("certificates.k8s.io", "v1", "CertificateSigningRequest"): _keep_names("metadata.name spec.signerName"),
    ("resource.k8s.io", "v1", "ResourceSlice"): _keep_names("metadata.name spec.nodeName spec.driver"),
}
#: Kinds for which upstream has its own text for an unknown field.
_TEXTS: Final = {
    ("batch", "v1", "Job"): 'field label "{}" not supported for Job',
    ("resource.k8s.io", "v1", "ResourceSlice"): (
        "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {}"
    ),
}
_ANY_KIND: Final = _keep_names(_BOTH)


def convert_selector(
    gvk: tuple[str, str, str], selector: FieldSelector, labels: Mapping[str, str] | None = None
) -> FieldSelector:
    """Translate a selector to field paths of stored objects. Raises SelectorError for an unknown field.

    labels: those of a custom resource; None: built in.
    """
    known = LABELS.get(gvk, _ANY_KIND) if labels is None else labels

    def translate_term(term: FieldTerm) -> FieldTerm:
        name = known.get(term.field)
        if name is None:
            raise SelectorError(_describe_unknown(gvk, term.field, is_custom=labels is not None))
        return FieldTerm(name, term.value, term.negated)

    return selector.map_terms(translate_term)


def _describe_unknown(gvk: tuple[str, str, str], name: str, *, is_custom: bool) -> str:
    if is_custom:
        return f"field label not supported: {name}"
    if gvk not in LABELS:
        return f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
    return _TEXTS.get(gvk, "field label not supported: {}").format(name)
