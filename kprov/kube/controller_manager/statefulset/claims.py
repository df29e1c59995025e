"""The claims of a stateful set's pods, and who owns them by the retention policy (stateful_set_utils.go).

A claim that the set owns is deleted with the set. A claim that a pod outside of the set's ordinals owns is
deleted with that pod.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kprov.kube.api.apps import StatefulSet
from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.api.meta import OwnerReference
from kprov.kube.controller_manager.statefulset.identity import get_ordinals, make_pod_name
from kprov.kube.machinery.json_object import JsonObject

API_VERSION: Final = "apps/v1"
KIND: Final = "StatefulSet"
_DELETE: Final = "Delete"
_RETAIN: Final = "Retain"


def make_claim_name(ss: StatefulSet, template: JsonObject, ordinal: int) -> str:
    return f"{template['metadata']['name']}-{ss.metadata.name}-{ordinal}"


def make_claims(ss: StatefulSet, ordinal: int) -> dict[str, JsonObject]:
    """Return the claims of a pod as documents, by the names of their templates: its volumes' names."""
    claims: dict[str, JsonObject] = {}
    selected = ss.spec.selector.match_labels if ss.spec.selector else {}
    for template in ss.spec.volume_claim_templates:
        metadata = template["metadata"]
        claims[metadata["name"]] = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                **{key: metadata[key] for key in ("annotations", "finalizers") if key in metadata},
                "name": make_claim_name(ss, template, ordinal),
                "namespace": ss.metadata.namespace,
                "labels": {**(metadata.get("labels") or {}), **selected},
            },
            "spec": template.get("spec") or {},
        }
    return claims


def make_volumes(ss: StatefulSet, ordinal: int, volumes: Iterable[JsonObject]) -> list[JsonObject]:
    """Return a pod's volumes: those of its claims, then the others. A claim replaces a volume of its name."""
    claims = make_claims(ss, ordinal)
    bound = [
        {"name": name, "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
        for name, claim in claims.items()
    ]
    return [*bound, *(volume for volume in volumes if volume["name"] not in claims)]


def has_storage(ss: StatefulSet, pod: Pod, ordinal: int) -> bool:
    """Whether the pod's volumes are the claims of its ordinal."""
    volumes = {volume.get("name"): volume for volume in pod.spec.volumes}
    for template in ss.spec.volume_claim_templates:
        source = volumes.get(template["metadata"]["name"], {}).get("persistentVolumeClaim") or {}
        if source.get("claimName") != make_claim_name(ss, template, ordinal):
            return False
    return True


@dataclass(frozen=True)
class Owners:
    """The possible owners of a pod's claims. `pod.uid` is "" while the pod is not created."""

    stateful_set: OwnerReference
    pod: OwnerReference
    #: Whether the pod is outside of the set's ordinals and will be deleted.
    is_scaled_down: bool
    when_scaled: str
    when_deleted: str

    @property
    def is_retained(self) -> bool:
        return self.when_scaled == _RETAIN and self.when_deleted == _RETAIN

    @property
    def wanted(self) -> list[OwnerReference]:
        """The owners that a claim should have by the policy."""
        by_set = self.when_deleted == _DELETE and not (self.when_scaled == _DELETE and self.is_scaled_down)
        by_pod = self.when_scaled == _DELETE and self.is_scaled_down
        return [self.stateful_set] * by_set + [self.pod] * by_pod


def make_owners(ss: StatefulSet, ordinal: int, pod_uid: str) -> Owners:
    policy = ss.spec.persistent_volume_claim_retention_policy or {}
    return Owners(
        stateful_set=_make_reference(API_VERSION, KIND, ss.metadata.name, ss.metadata.uid),
        pod=_make_reference("v1", "Pod", make_pod_name(ss, ordinal), pod_uid),
        is_scaled_down=ordinal not in get_ordinals(ss),
        when_scaled=policy.get("whenScaled", _RETAIN),
        when_deleted=policy.get("whenDeleted", _RETAIN),
    )


def is_stale(claim: PersistentVolumeClaim, owner: OwnerReference) -> bool:
    """Whether the claim belongs to an earlier object of the owner's name."""
    first = next(
        (
            owner_reference
            for owner_reference in claim.metadata.owner_references
            if _is_same(owner_reference, owner)
        ),
        None,
    )
    return first is not None and first.uid != owner.uid


def blocks_creation(claim: PersistentVolumeClaim, owners: Owners) -> bool:
    """Whether the claim will be deleted with an earlier pod, so that the new pod has to wait."""
    return owners.when_scaled != _RETAIN and is_stale(claim, owners.pod)


def has_conflicting_controller(claim: PersistentVolumeClaim, owners: Owners) -> bool:
    """Whether something else than the set or the pod controls a claim that is not retained."""
    if owners.is_retained:
        return False
    for owner_reference in claim.metadata.owner_references:
        own = next(
            (owner for owner in (owners.stateful_set, owners.pod) if _is_same(owner_reference, owner)), None
        )
        if (own is None and owner_reference.controller) or (
            own is not None and owner_reference.uid != own.uid
        ):
            return True
    return False


def plan_owner_references(claim: PersistentVolumeClaim, owners: Owners) -> list[dict[str, Any]] | None:
    """Return the owner references that the claim should have, or None if it needs no change."""
    if is_stale(claim, owners.stateful_set) or is_stale(claim, owners.pod):
        # The garbage collector may be about to delete the claim.
        return None
    references = claim.metadata.owner_references
    others = [
        reference
        for reference in references
        if not _is_same(reference, owners.stateful_set) and not _is_same(reference, owners.pod)
    ]
    uids = {reference.uid for reference in references}
    if has_conflicting_controller(claim, owners):
        is_owned = owners.stateful_set.uid in uids or owners.pod.uid in uids
        return _to_documents(others) if is_owned else None
    wanted = owners.wanted
    own = [
        reference for reference in references if reference.uid in (owners.stateful_set.uid, owners.pod.uid)
    ]
    if all(reference.controller for reference in own) and {reference.uid for reference in own} == {
        reference.uid for reference in wanted
    }:
        return None
    return _to_documents([*others, *wanted])


def _make_reference(api_version: str, kind: str, name: str, uid: str) -> OwnerReference:
    return OwnerReference(
        api_version=api_version, kind=kind, name=name, uid=uid, controller=True, block_owner_deletion=True
    )


def _is_same(reference: OwnerReference, owner: OwnerReference) -> bool:
    return (reference.api_version, reference.kind, reference.name) == (
        owner.api_version,
        owner.kind,
        owner.name,
    )


def _to_documents(references: Iterable[OwnerReference]) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = [msgspec.to_builtins(reference) for reference in references]
    return documents
