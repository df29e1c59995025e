"""Documents of new pods of a stateful set (newStatefulSetPod)."""

from kprov.kube.api.apps import StatefulSet
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL
from kprov.kube.controller_manager.statefulset.claims import API_VERSION, KIND, make_volumes
from kprov.kube.controller_manager.statefulset.identity import make_identity_labels, make_pod_name
from kprov.kube.machinery.json_object import JsonObject


def make_pod(ss: StatefulSet, template: JsonObject, revision: str, ordinal: int) -> JsonObject:
    """Return the pod with that ordinal, from the template of that revision."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    name = make_pod_name(ss, ordinal)
    labels = {
        **(metadata.get("labels") or {}),
        **make_identity_labels(ss, ordinal),
        POD_REVISION_LABEL: revision,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{key: metadata[key] for key in ("annotations", "finalizers") if metadata.get(key)},
            "name": name,
            "generateName": f"{ss.metadata.name}-",
            "namespace": ss.metadata.namespace,
            "labels": labels,
            "ownerReferences": [make_controller_reference(ss, API_VERSION, KIND)],
        },
        "spec": {
            **spec,
            "hostname": name,
            "subdomain": ss.spec.service_name,
            "volumes": make_volumes(ss, ordinal, spec.get("volumes") or ()),
        },
    }
