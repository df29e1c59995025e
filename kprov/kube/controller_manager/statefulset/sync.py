"""The order in which a set's pods are created, repaired, deleted and updated (stateful_set_control.go).

Ordered management does one thing at a time and waits for its effect: pods are created upwards, each after its
predecessor is available, and deleted downwards. Parallel management creates and deletes all at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from kprov.kube.api.apps import StatefulSet
from kprov.kube.api.core import IntOrString, Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.deployment.rolling import scale_value
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL, read_template
from kprov.kube.controller_manager.statefulset import claims, identity
from kprov.kube.controller_manager.statefulset.history import Revisions
from kprov.kube.controller_manager.statefulset.pod_control import StatefulPodControl
from kprov.kube.controller_manager.statefulset.pods import make_pod
from kprov.kube.controller_manager.statefulset.status import is_running_and_ready

_LARGEST_BATCH: Final = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Replica:
    """A pod that the set should have. `pod` is None until it is created."""

    ordinal: int
    pod: Pod | None


@dataclass
class PodSync:
    """One pass over a set and its pods at Unix time `now`."""

    ss: StatefulSet
    revisions: Revisions
    control: StatefulPodControl
    now: float
    replicas: list[Replica] = field(default_factory=list)
    #: Pods outside of the set's ordinals, the highest first.
    condemned: list[Pod] = field(default_factory=list)
    #: Pods of the current revision that this pass deleted for an update.
    deleted_for_update: int = 0

    def __post_init__(self) -> None:
        self._is_ordered = self.ss.spec.pod_management_policy != "Parallel"

    def assign(self, pods: Sequence[Pod]) -> None:
        """Split the set's pods by ordinal. Pods without one are ignored."""
        ordinals = identity.get_ordinals(self.ss)
        by_ordinal = {identity.get_ordinal(pod): pod for pod in pods}
        self.replicas = [Replica(ordinal, by_ordinal.get(ordinal)) for ordinal in ordinals]
        others = [pod for pod in pods if identity.get_ordinal(pod) not in (-1, *ordinals)]
        self.condemned = sorted(others, key=identity.get_ordinal, reverse=True)

    async def run(self) -> None:
        """Do the next step, or all of them with parallel management. Raises the first error."""
        if self.ss.metadata.deletion_timestamp:
            return
        if await self._for_all(self.replicas, self._process_replica):
            return
        if await self._for_all(self.condemned, self._set_claim_owners):
            return
        first = self._find_first_unavailable()
        if await self._for_all(self.condemned, lambda pod: self._delete_condemned(pod, first)):
            return
        if self.ss.spec.update_strategy.type == "RollingUpdate":
            await self._roll_out()

    async def _for_all(self, items: Sequence[T], step: Callable[[T], Awaitable[bool]]) -> bool:
        """Whether the pass ends here: with ordered management, when a step returns True."""
        if self._is_ordered:
            for item in items:
                if await step(item):
                    return True
            return False
        done, batch = 0, 1
        while done < len(items):
            # An invalid template costs one request: each batch is twice as large as the one before.
            results = await asyncio.gather(
                *(step(item) for item in items[done : done + batch]), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            done, batch = done + batch, min(batch * 2, _LARGEST_BATCH)
        return False

    async def _process_replica(self, replica: Replica) -> bool:
        pod = replica.pod
        if pod is None:
            return await self._create(replica.ordinal)
        if pod_conditions.is_terminal(pod):
            if not pod.metadata.deletion_timestamp:
                await self.control.delete(self.ss, pod)
            return True
        if pod.status.phase == "Pending":
            await self.control.create_missing_claims(self.ss, replica.ordinal, pod)
        if self._is_ordered and (
            pod.metadata.deletion_timestamp or not is_running_and_ready(pod) or not self._is_available(pod)
        ):
            return True
        if not (
            identity.has_identity(self.ss, pod)
            and claims.has_storage(self.ss, pod, replica.ordinal)
            and self.control.have_owners(self.ss, replica.ordinal, pod)
        ):
            await self.control.repair(self.ss, replica.ordinal, pod)
        return False

    async def _create(self, ordinal: int) -> bool:
        if self.control.blocks_creation(self.ss, ordinal):
            return True
        revision = self.revisions.current if self._is_below_update(ordinal) else self.revisions.update
        template = read_template(revision.data)
        pod = make_pod(self.ss, template, revision.metadata.name, ordinal)
        await self.control.create(self.ss, ordinal, pod)
        return self._is_ordered

    def _is_below_update(self, ordinal: int) -> bool:
        """Whether a new pod with that ordinal gets the current revision, not the one of the update."""
        strategy, start = self.ss.spec.update_strategy, identity.get_ordinals(self.ss).start
        if strategy.rolling_update is not None:
            return ordinal < start + (strategy.rolling_update.partition or 0)
        return strategy.type == "RollingUpdate" and ordinal < start + self.ss.status.current_replicas

    async def _set_claim_owners(self, pod: Pod) -> bool:
        ordinal = identity.get_ordinal(pod)
        await self.control.set_claim_owners(self.ss, ordinal, pod.metadata.uid)
        return False

    async def _delete_condemned(self, pod: Pod, first_unavailable: Pod | None) -> bool:
        if pod.metadata.deletion_timestamp:
            return self._is_ordered
        is_blocked = not is_running_and_ready(pod) or not self._is_available(pod)
        if is_blocked and self._is_ordered and pod is not first_unavailable:
            return True
        await self.control.delete(self.ss, pod)
        return True

    def _find_first_unavailable(self) -> Pod | None:
        pods = [replica.pod for replica in self.replicas] + self.condemned[::-1]
        return next((pod for pod in pods if pod is not None and self._is_unavailable(pod)), None)

    async def _roll_out(self) -> None:
        """Delete pods of other revisions, the highest first. The next pass creates them again."""
        rolling = self.ss.spec.update_strategy.rolling_update
        partition = (rolling.partition or 0) if rolling else 0
        if rolling is not None and rolling.max_unavailable is not None:
            await self._roll_out_some(partition, rolling.max_unavailable)
            return
        for replica in self.replicas[partition:][::-1]:
            pod = replica.pod
            if pod is None:
                return
            if self._is_outdated(pod):
                await self._delete_for_update(pod)
                return
            if self._is_unavailable(pod):
                return

    async def _roll_out_some(self, partition: int, max_unavailable: IntOrString) -> None:
        # A small percentage rounds down to 0, with which no update would ever end.
        allowed = max(1, scale_value(max_unavailable, len(self.replicas), up=False))
        pods = [replica.pod for replica in self.replicas]
        allowed -= sum(pod is None or self._is_unavailable(pod) for pod in pods)
        outdated = [pod for pod in pods[partition:][::-1] if pod is not None and self._is_outdated(pod)]
        for pod in outdated[: max(0, allowed)]:
            await self._delete_for_update(pod)

    async def _delete_for_update(self, pod: Pod) -> None:
        await self.control.delete(self.ss, pod)
        self.deleted_for_update += 1

    def _is_outdated(self, pod: Pod) -> bool:
        revision = pod.metadata.labels.get(POD_REVISION_LABEL, "")
        return revision != self.revisions.update.metadata.name and not pod.metadata.deletion_timestamp

    def _is_available(self, pod: Pod) -> bool:
        return pod_conditions.is_available(pod, self.ss.spec.min_ready_seconds, self.now)

    def _is_unavailable(self, pod: Pod) -> bool:
        return bool(pod.metadata.deletion_timestamp) or not self._is_available(pod)
