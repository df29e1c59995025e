"""Creates, updates and deletes pods and claims of stateful sets, and sends events (StatefulPodControl)."""

from collections.abc import Callable
from typing import Literal

from kprov.kube.api.apps import StatefulSet
from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.client import ApiError, EventRecorder, RestClient, reference
from kprov.kube.controller_manager.framework.updates import update_whole
from kprov.kube.controller_manager.statefulset import claims, identity
from kprov.kube.controller_manager.statefulset.claims import API_VERSION, KIND, Owners
from kprov.kube.machinery.json_object import JsonObject

Verb = Literal["Create", "Update", "Delete"]
FindClaim = Callable[[str, str], PersistentVolumeClaim | None]


class ClaimError(Exception):
    """Claims of a pod cannot be created, or are being deleted."""


class StatefulPodControl:
    """`find_claim` reads the informer's copy of a claim by namespace and name."""

    def __init__(self, client: RestClient, recorder: EventRecorder, find_claim: FindClaim) -> None:
        self._pods = client.resource("", "v1", "pods", Pod)
        self._claims = client.resource("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._recorder = recorder
        self._find_claim = find_claim

    async def create(self, ss: StatefulSet, ordinal: int, pod: JsonObject) -> None:
        """Create missing claims, then the pod. Raises ApiError, also when the pod exists."""
        name = pod["metadata"]["name"]
        try:
            await self._create_claims(ss, ordinal)
            await self._pods.create(pod, namespace=ss.metadata.namespace)
        except (ApiError, ClaimError) as error:
            if not (isinstance(error, ApiError) and error.is_already_exists):
                self._record(ss, "Create", name, error)
            raise
        await self.set_claim_owners(ss, ordinal, "")
        self._record(ss, "Create", name)

    async def create_missing_claims(self, ss: StatefulSet, ordinal: int, pod: Pod) -> None:
        """For a pod that is pending, perhaps because somebody deleted its claim."""
        await self._create_claims(ss, ordinal)
        await self.set_claim_owners(ss, ordinal, pod.metadata.uid)

    async def repair(self, ss: StatefulSet, ordinal: int, pod: Pod) -> None:
        """Give the pod its labels and claims again, and the claims their owners."""
        change: JsonObject = {}
        if not identity.has_identity(ss, pod):
            change["metadata"] = {"labels": identity.make_identity_labels(ss, ordinal)}
        try:
            if not claims.has_storage(ss, pod, ordinal):
                # The informer's pod lacks volumes.
                whole = await self._pods.get(pod.metadata.name, namespace=pod.metadata.namespace)
                change["spec"] = {"volumes": claims.make_volumes(ss, ordinal, whole.spec.volumes)}
                await self._create_claims(ss, ordinal)
            await self.set_claim_owners(ss, ordinal, pod.metadata.uid)
            if change:
                await self._pods.patch(pod.metadata.name, change, namespace=pod.metadata.namespace)
        except (ApiError, ClaimError) as error:
            self._record(ss, "Update", pod.metadata.name, error)
            raise
        self._record(ss, "Update", pod.metadata.name)

    async def delete(self, ss: StatefulSet, pod: Pod) -> None:
        """Delete gracefully. A pod that is gone already counts as deleted. Raises ApiError."""
        meta = pod.metadata
        try:
            await self._pods.delete(meta.name, namespace=meta.namespace, preconditions_uid=meta.uid)
        except ApiError as error:
            if not error.is_not_found:
                self._record(ss, "Delete", meta.name, error)
                raise
        self._record(ss, "Delete", meta.name)

    def blocks_creation(self, ss: StatefulSet, ordinal: int) -> bool:
        """Whether a claim of the pod will be deleted with the pod's predecessor."""
        owners = claims.make_owners(ss, ordinal, "")
        return any(claims.blocks_creation(claim, owners) for claim in self._list_claims(ss, ordinal))

    def have_owners(self, ss: StatefulSet, ordinal: int, pod: Pod) -> bool:
        """Whether the existing claims have the owners of the retention policy."""
        owners = claims.make_owners(ss, ordinal, pod.metadata.uid)
        pod_claims = self._list_claims(ss, ordinal)
        return all(claims.plan_owner_references(claim, owners) is None for claim in pod_claims)

    async def set_claim_owners(self, ss: StatefulSet, ordinal: int, pod_uid: str) -> None:
        """Give the existing claims the owners of the retention policy. Raises ApiError."""
        owners = claims.make_owners(ss, ordinal, pod_uid)
        for claim in self._list_claims(ss, ordinal):
            await self._set_owners(ss, claim, owners)

    async def _set_owners(self, ss: StatefulSet, claim: PersistentVolumeClaim, owners: Owners) -> None:
        if claims.has_conflicting_controller(claim, owners):
            message = (
                f"PersistentVolumeClaim {claim.metadata.name} has a conflicting OwnerReference that acts as "
                "a managing controller, the retention policy is ignored for this claim"
            )
            about = reference(ss, API_VERSION, KIND)
            self._recorder.event(about, "Warning", "ConflictingController", message)
        references = claims.plan_owner_references(claim, owners)
        if references is None:
            return
        await update_whole(self._claims, claim, {"metadata": {"ownerReferences": references}})

    def _list_claims(self, ss: StatefulSet, ordinal: int) -> list[PersistentVolumeClaim]:
        names = [claims.make_claim_name(ss, template, ordinal) for template in ss.spec.volume_claim_templates]
        pod_claims = [self._find_claim(ss.metadata.namespace, name) for name in names]
        return [claim for claim in pod_claims if claim is not None]

    async def _create_claims(self, ss: StatefulSet, ordinal: int) -> None:
        """Create all missing claims. Raises ClaimError if the pod cannot have one of them."""
        problems: list[str] = []
        for claim in claims.make_claims(ss, ordinal).values():
            name = claim["metadata"]["name"]
            existing = self._find_claim(ss.metadata.namespace, name)
            if existing is None:
                try:
                    await self._create_claim(ss, ordinal, claim)
                except ApiError as error:
                    problems.append(f"failed to create PVC {name}: {error}")
            elif existing.metadata.deletion_timestamp:
                problems.append(f"pvc {name} is being deleted")
        if problems:
            raise ClaimError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")

    async def _create_claim(self, ss: StatefulSet, ordinal: int, claim: JsonObject) -> None:
        name = claim["metadata"]["name"]
        place = f"Pod {identity.make_pod_name(ss, ordinal)} in StatefulSet {ss.metadata.name}"
        about = reference(ss, API_VERSION, KIND)
        try:
            await self._claims.create(claim, namespace=ss.metadata.namespace)
        except ApiError as error:
            if error.is_already_exists:
                # The informer has not shown it yet.
                return
            message = f"Create Claim {name} for {place} failed error: {error}"
            self._recorder.event(about, "Warning", "FailedCreate", message)
            raise
        self._recorder.event(about, "Normal", "SuccessfulCreate", f"Create Claim {name} {place} success")

    def _record(self, ss: StatefulSet, verb: Verb, pod: str, error: Exception | None = None) -> None:
        about = reference(ss, API_VERSION, KIND)
        subject = f"{verb} Pod {pod} in StatefulSet {ss.metadata.name}"
        if error is None:
            self._recorder.event(about, "Normal", f"Successful{verb}", f"{subject} successful")
        else:
            self._recorder.event(about, "Warning", f"Failed{verb}", f"{subject} failed error: {error}")
