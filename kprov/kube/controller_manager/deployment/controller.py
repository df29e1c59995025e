"""The deployment controller (pkg/controller/deployment)."""

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kprov.kube.api.apps import Deployment, ReplicaSet
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import LabelSelector
from kprov.kube.client import ApiError, reference
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.deployment import annotations, progress, rollback, rolling, template
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    ControllerRefManager,
    index_by_owner,
    make_controller_reference,
    parse_selector,
)
from kprov.kube.controller_manager.framework.updates import edit_read, update_status
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

API_VERSION: Final = "apps/v1"
KIND: Final = "Deployment"
_EVERYTHING: Final = LabelSelector()


class _Rollout:
    """A deployment and its replica sets during a sync."""

    def __init__(self, deployment: Deployment, sets: Sequence[ReplicaSet]) -> None:
        self.deployment = deployment
        self.conditions = progress.Conditions(deployment.status.conditions, timestamps.now())
        matching = [
            rs for rs in sets if template.is_same_template(rs.spec.template, deployment.spec.template)
        ]
        self.new = rolling.sort_by_age(matching)[0] if matching else None
        self.old = [rs for rs in sets if rs is not self.new]

    @property
    def sets(self) -> list[ReplicaSet]:
        return [*self.old, *([self.new] if self.new else [])]

    def replace(self, rs: ReplicaSet) -> None:
        """Replace a replica set by the server's response."""
        if self.new is not None and rs.metadata.uid == self.new.metadata.uid:
            self.new = rs
        self.old = [
            rs if rs.metadata.uid == replica_set.metadata.uid else replica_set for replica_set in self.old
        ]


class DeploymentController(Controller):
    """Creates a replica set for each template and moves replicas from the old ones to the new one."""

    name = "deployment"
    concurrency = "concurrent_deployment_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("deployment-controller")
        self._deployments = context.informers.informer("apps", "v1", "deployments", Deployment)
        self._sets = context.informers.informer(
            "apps", "v1", "replicasets", ReplicaSet, indexers={"owner": index_by_owner}
        )
        self._pods = context.informers.informer("", "v1", "pods", Pod, indexers={"owner": index_by_owner})
        self._deployments.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._sets.add_handler(
            on_add=self._handle_set_change,
            on_update=self._handle_set_update,
            on_delete=self._handle_set_change,
        )
        self._pods.add_handler(on_delete=self._handle_pod_delete)

    async def sync(self, key: str) -> None:
        deployment = self._deployments.get(*split_key(key))
        if deployment is None:
            return
        if deployment.spec.selector == _EVERYTHING:
            text = "This deployment is selecting all pods. A non-empty selector is required."
            self._recorder.event(self._make_reference(deployment), "Warning", "SelectingAll", text)
            return
        rollout = _Rollout(deployment, await self._claim(deployment))
        if deployment.metadata.deletion_timestamp:
            await self._write_status(rollout, is_rollout=False)
            return
        await self._record_pause(rollout)
        revision = None if deployment.spec.paused else rollback.get_wanted_revision(deployment)
        if revision is not None:
            await self._roll_back(rollout, revision)
        elif deployment.spec.paused or rolling.is_scaling_event(deployment, rollout.sets):
            await self._resize(rollout)
            await self._write_status(rollout, is_rollout=False)
        else:
            update = self._roll_out if rolling.is_rolling(deployment) else self._recreate
            await update(rollout)
            await self._write_status(rollout, is_rollout=True)

    async def _roll_back(self, rollout: _Rollout, revision: int) -> None:
        """Give the deployment the template of a revision, 0 for the last one, and remove the annotation."""
        await self._sync_revision(rollout, create=True)
        deployment = rollout.deployment
        wanted = revision or rollback.find_last_revision(rollout.sets)
        target = next((rs for rs in rollout.sets if annotations.get_revision(rs) == wanted), None)
        name = f'"{deployment.metadata.name}"'
        if not wanted or target is None:
            which = "the revision to rollback to" if wanted else "last revision"
            reason, text = rollback.NOT_FOUND, f"Unable to find {which}."
        elif template.is_same_template(target.spec.template, deployment.spec.template):
            reason = rollback.UNCHANGED
            text = f"The rollback revision contains the same template as current deployment {name}"
        else:
            reason = rollback.DONE
            text = f"Rolled back deployment {name} to revision {wanted}"

        def edit(document: JsonObject) -> None:
            if reason == rollback.DONE and target is not None:
                rollback.restore_template(document, target)
            rollback.remove_annotation(document)

        await edit_read(self.resource_of(self._deployments), deployment, edit)
        kind: Final = "Normal" if reason == rollback.DONE else "Warning"
        self._recorder.event(self._make_reference(deployment), kind, reason, text)

    async def _resize(self, rollout: _Rollout) -> None:
        """Scale the replica sets in proportion, without a rollout step: after a resize or while paused."""
        await self._sync_revision(rollout, create=False)
        for rs, size in rolling.scale(rollout.deployment, rollout.new, rollout.old):
            await self._scale(rollout, rs, size, annotate=True)
        if rollout.deployment.spec.paused:
            await self._clean_up(rollout)

    async def _roll_out(self, rollout: _Rollout) -> None:
        await self._sync_revision(rollout, create=True)
        if rollout.new is None:
            return
        step = rolling.reconcile_new_set(rollout.deployment, rollout.sets, rollout.new)
        if step is not None:
            await self._scale(rollout, *step)
            return
        steps = rolling.reconcile_old_sets(rollout.deployment, rollout.old, rollout.new)
        for rs, size in steps:
            await self._scale(rollout, rs, size)
        if not steps and progress.is_complete(rollout.deployment, rollout.deployment.status):
            await self._clean_up(rollout)

    async def _recreate(self, rollout: _Rollout) -> None:
        """Recreate: end all old pods, then start the new ones."""
        await self._sync_revision(rollout, create=False)
        running = rolling.list_active(rollout.old)
        for rs in running:
            await self._scale(rollout, rs, 0)
        if running or self._are_old_pods_running(rollout):
            return
        if rollout.new is None:
            await self._sync_revision(rollout, create=True)
        if rollout.new is not None:
            await self._scale(rollout, rollout.new, rollout.deployment.spec.replicas)
        if progress.is_complete(rollout.deployment, rollout.deployment.status):
            await self._clean_up(rollout)

    def _are_old_pods_running(self, rollout: _Rollout) -> bool:
        return any(
            not pod_conditions.is_terminal(pod)
            for rs in rollout.old
            for pod in self._pods.by_index("owner", rs.metadata.uid)
        )

    async def _sync_revision(self, rollout: _Rollout, *, create: bool) -> None:
        """Ensure that the new replica set exists and that it and the deployment have the revision."""
        number = annotations.find_max_revision(rollout.old) + 1
        if rollout.new is None:
            if not create:
                return
            await self._create_set(rollout, number)
        else:
            await self._annotate_new_set(rollout, rollout.new, number)
        if rollout.new is not None:
            await self._mark_deployment(rollout, annotations.get_revision(rollout.new))

    async def _annotate_new_set(self, rollout: _Rollout, new: ReplicaSet, number: int) -> None:
        deployment = rollout.deployment
        wanted = annotations.make_new_set_annotations(
            deployment, new.metadata.annotations, number, exists=True
        )
        body: dict[str, Any] = {}
        if wanted != new.metadata.annotations:
            body["metadata"] = {"annotations": wanted}
        if new.spec.min_ready_seconds != deployment.spec.min_ready_seconds:
            body["spec"] = {"minReadySeconds": deployment.spec.min_ready_seconds}
        if body:
            rollout.replace(await self._patch_set(new, body))
        if progress.has_deadline(deployment) and rollout.conditions.get(progress.PROGRESSING) is None:
            text = f'Found new replica set "{new.metadata.name}"'
            rollout.conditions.set(progress.PROGRESSING, "True", progress.FOUND_SET, text)

    async def _mark_deployment(self, rollout: _Rollout, number: int) -> None:
        deployment = rollout.deployment
        if deployment.metadata.annotations.get(annotations.REVISION) != str(number):
            # As a status: annotations that the resource itself gets raise its generation.
            revised = msgspec.structs.replace(
                deployment.metadata,
                annotations={**deployment.metadata.annotations, annotations.REVISION: str(number)},
            )
            rollout.deployment = await update_status(
                self.resource_of(self._deployments),
                msgspec.structs.replace(deployment, metadata=revised),
                {},
                retry=False,
            )

    async def _create_set(self, rollout: _Rollout, number: int) -> None:
        deployment = rollout.deployment
        size = rolling.compute_new_set_size(deployment, rollout.old, 0)
        body = self._find_new_set(deployment, number, size)
        name = body["metadata"]["name"]
        try:
            created = await self.resource_of(self._sets).create(body, namespace=deployment.metadata.namespace)
        except ApiError as error:
            if error.is_already_exists:
                rollout.new = await self._find_existing(rollout, name, error)
                return
            if not error.is_namespace_terminating:
                await self._handle_creation_failure(
                    rollout, f'Failed to create new replica set "{name}": {error}'
                )
            raise
        rollout.new = created
        if size > 0:
            text = f"Scaled up replica set {name} from 0 to {size}"
            self._recorder.event(self._make_reference(deployment), "Normal", "ScalingReplicaSet", text)
        if progress.has_deadline(deployment):
            text = f'Created new replica set "{name}"'
            rollout.conditions.set(progress.PROGRESSING, "True", progress.NEW_SET, text)

    def _find_new_set(self, deployment: Deployment, number: int, size: int) -> dict[str, Any]:
        digest = template.compute_hash(deployment.spec.template, deployment.status.collision_count)
        pods = template.add_hash(deployment.spec.template, digest)
        selector: dict[str, Any] = msgspec.to_builtins(deployment.spec.selector)
        matching = {**selector.get("matchLabels", {}), template.HASH_LABEL: digest}
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{deployment.metadata.name[: 253 - len(digest) - 1]}-{digest}",
                "namespace": deployment.metadata.namespace,
                "labels": pods["metadata"]["labels"],
                "annotations": annotations.make_new_set_annotations(deployment, {}, number, exists=False),
                "ownerReferences": [make_controller_reference(deployment, API_VERSION, KIND)],
            },
            "spec": {
                "replicas": size,
                "minReadySeconds": deployment.spec.min_ready_seconds,
                "selector": {**selector, "matchLabels": matching},
                "template": pods,
            },
        }

    async def _find_existing(self, rollout: _Rollout, name: str, error: ApiError) -> ReplicaSet:
        """Our set of that name, which the informer does not show yet. Else count a collision and raise."""
        deployment = rollout.deployment
        replica_set = await self.resource_of(self._sets).get(name, namespace=deployment.metadata.namespace)
        owner = replica_set.metadata.controller()
        ours = owner is not None and owner.uid == deployment.metadata.uid
        if ours and template.is_same_template(replica_set.spec.template, deployment.spec.template):
            return replica_set
        count = (deployment.status.collision_count or 0) + 1
        await update_status(self.resource_of(self._deployments), deployment, {"collisionCount": count})
        raise error

    async def _handle_creation_failure(self, rollout: _Rollout, text: str) -> None:
        self._recorder.event(
            self._make_reference(rollout.deployment), "Warning", progress.CREATE_FAILED, text
        )
        if progress.has_deadline(rollout.deployment):
            rollout.conditions.set(progress.PROGRESSING, "False", progress.CREATE_FAILED, text)
            await self._write_status(rollout, is_rollout=False)

    async def _scale(self, rollout: _Rollout, rs: ReplicaSet, size: int, *, annotate: bool = False) -> None:
        before = rs.spec.replicas
        sizes = annotations.make_size_annotations(rollout.deployment)
        stale = annotate and not sizes.items() <= rs.metadata.annotations.items()
        if before == size and not stale:
            return
        body = {"metadata": {"annotations": sizes}, "spec": {"replicas": size}}
        rollout.replace(await self._patch_set(rs, body))
        if before != size:
            direction = "up" if size > before else "down"
            text = f"Scaled {direction} replica set {rs.metadata.name} from {before} to {size}"
            self._recorder.event(
                self._make_reference(rollout.deployment), "Normal", "ScalingReplicaSet", text
            )

    async def _patch_set(self, rs: ReplicaSet, body: dict[str, Any]) -> ReplicaSet:
        """Patch the set if it still has the version on which the decision was made."""
        metadata = {**body.get("metadata", {}), "resourceVersion": rs.metadata.resource_version}
        return await self.resource_of(self._sets).patch(
            rs.metadata.name, {**body, "metadata": metadata}, namespace=rs.metadata.namespace
        )

    async def _clean_up(self, rollout: _Rollout) -> None:
        """Delete the oldest empty replica sets beyond the history limit."""
        limit = rollout.deployment.spec.revision_history_limit
        if limit is None:
            return
        alive = [rs for rs in rollout.old if not rs.metadata.deletion_timestamp]
        alive.sort(key=lambda rs: (annotations.get_revision(rs), rs.metadata.creation_timestamp or ""))
        for rs in alive[: max(0, len(alive) - limit)]:
            observed = rs.status.observed_generation >= rs.metadata.generation
            if rs.spec.replicas == 0 and rs.status.replicas == 0 and observed:
                try:
                    await self.resource_of(self._sets).delete(
                        rs.metadata.name, namespace=rs.metadata.namespace
                    )
                except ApiError as error:
                    if not error.is_not_found:
                        raise

    async def _record_pause(self, rollout: _Rollout) -> None:
        deployment = rollout.deployment
        known = rollout.conditions.get(progress.PROGRESSING)
        if not progress.has_deadline(deployment) or (known and known.reason == progress.TIMED_OUT):
            return
        paused_known = known is not None and known.reason == progress.PAUSED
        if deployment.spec.paused and not paused_known:
            rollout.conditions.set(progress.PROGRESSING, "Unknown", progress.PAUSED, "Deployment is paused")
        elif not deployment.spec.paused and paused_known:
            rollout.conditions.set(progress.PROGRESSING, "Unknown", progress.RESUMED, "Deployment is resumed")

    async def _write_status(self, rollout: _Rollout, *, is_rollout: bool) -> None:
        """is_rollout: only a rollout makes progress. A paused deployment has no progress deadline."""
        deployment, now = rollout.deployment, time.time()
        status = progress.count_replicas(deployment, rollout.sets, rollout.new)
        progress.compute_availability(deployment, status, rollout.conditions)
        if is_rollout:
            progress.compute_progress(deployment, status, rollout.conditions, rollout.sets, rollout.new, now)
        conditions = rollout.conditions.document()
        unchanged = progress.make_document(status) == progress.make_document(deployment.status)
        if unchanged and conditions == msgspec.to_builtins(deployment.status.conditions):
            if is_rollout:
                self._watch_deadline(rollout, status, now)
            return
        wanted = {**progress.make_document(status), "conditions": conditions}
        await update_status(self.resource_of(self._deployments), deployment, wanted)

    def _watch_deadline(self, rollout: _Rollout, status: Any, now: float) -> None:
        """Sync again at the progress deadline: no event reports that progress has stopped."""
        known = rollout.conditions.get(progress.PROGRESSING)
        if (
            progress.is_complete(rollout.deployment, status)
            or not known
            or known.reason == progress.TIMED_OUT
        ):
            return
        left = progress.seconds_to_deadline(rollout.deployment, known, now)
        if left is not None:
            self.queue.add_after(rollout.deployment.key, max(left, 0) + 1)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        claims = ControllerRefManager(
            deployment,
            api_version=API_VERSION,
            kind=KIND,
            selector=parse_selector(deployment.spec.selector),
            children=self.resource_of(self._sets),
            is_owner_alive=lambda: self._is_owner_alive(deployment),
        )
        orphans = self._sets.by_index("owner", f"orphan/{deployment.metadata.namespace}")
        return await claims.claim(self._sets.by_index("owner", deployment.metadata.uid) + orphans)

    async def _is_owner_alive(self, deployment: Deployment) -> bool:
        meta = deployment.metadata
        try:
            fresh = await self.resource_of(self._deployments).get(meta.name, namespace=meta.namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == meta.uid and not fresh.metadata.deletion_timestamp

    def _make_reference(self, deployment: Deployment) -> Any:
        return reference(deployment, API_VERSION, KIND)

    def _handle_set_update(self, old: ReplicaSet, new: ReplicaSet) -> None:
        was, now = old.metadata.controller(), new.metadata.controller()
        if was is not None and (now is None or now.uid != was.uid):
            self._handle_set_change(old)
        self._handle_set_change(new)

    def _handle_set_change(self, rs: ReplicaSet) -> None:
        owner = rs.metadata.controller()
        if owner is not None:
            deployment = self._deployments.get(rs.metadata.namespace, owner.name)
            if owner.kind == KIND and deployment and deployment.metadata.uid == owner.uid:
                self.enqueue(deployment)
            return
        for deployment in self._deployments.list(rs.metadata.namespace):
            if parse_selector(deployment.spec.selector).matches(rs.metadata.labels):
                self.enqueue(deployment)

    def _handle_pod_delete(self, pod: Pod) -> None:
        """Recreate waits for the last old pod."""
        owner = pod.metadata.controller()
        rs = self._sets.get(pod.metadata.namespace, owner.name) if owner else None
        if rs is not None and owner is not None and rs.metadata.uid == owner.uid:
            controller = rs.metadata.controller()
            deployment = controller and self._deployments.get(rs.metadata.namespace, controller.name)
            if deployment and not rolling.is_rolling(deployment):
                self.enqueue(deployment)
