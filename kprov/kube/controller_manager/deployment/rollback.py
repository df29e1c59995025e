"""The annotation that rolls a deployment back (rollback.go). kubectl rollout undo does without it.

Functions of values.
"""

from collections.abc import Sequence
from typing import Final

from kprov.kube.api.apps import Deployment, ReplicaSet
from kprov.kube.controller_manager.deployment import annotations
from kprov.kube.controller_manager.deployment.template import HASH_LABEL
from kprov.kube.machinery.json_object import JsonObject

DONE: Final = "DeploymentRollback"
NOT_FOUND: Final = "DeploymentRollbackRevisionNotFound"
UNCHANGED: Final = "DeploymentRollbackTemplateUnchanged"


def get_wanted_revision(deployment: Deployment) -> int | None:
    """Return the revision of the annotation, 0 for the last one. None without it."""
    try:
        return int(deployment.metadata.annotations.get(annotations.ROLLBACK, ""))
    except ValueError:
        return None


def find_last_revision(sets: Sequence[ReplicaSet]) -> int:
    """Return the revision before the newest one. 0: there is none."""
    revisions = sorted((annotations.get_revision(rs) for rs in sets), reverse=True)
    return revisions[1] if len(revisions) > 1 else 0


def restore_template(document: JsonObject, rs: ReplicaSet) -> None:
    """Give the document of a deployment the template and the annotations of a replica set."""
    metadata = rs.spec.template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    document["spec"]["template"] = {**rs.spec.template, "metadata": {**metadata, "labels": labels}}
    own = document["metadata"].get("annotations") or {}
    document["metadata"]["annotations"] = {
        **{key: value for key, value in own.items() if key in annotations.NOT_COPIED},
        **{key: value for key, value in rs.metadata.annotations.items() if key not in annotations.NOT_COPIED},
    }


def remove_annotation(document: JsonObject) -> None:
    document["metadata"]["annotations"].pop(annotations.ROLLBACK, None)
