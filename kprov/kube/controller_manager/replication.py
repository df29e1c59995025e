"""The controller of replication controllers: the replica sets', for an older form of them.

Source: upstream pkg/controller/replication.
"""

from typing import ClassVar

import msgspec

from kprov.kube.api.apps import ReplicaSet, ReplicaSetSpec
from kprov.kube.api.meta import LabelSelector
from kprov.kube.client import Informer
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.controller_manager.framework.controller_ref_manager import index_by_owner
from kprov.kube.controller_manager.replicaset.controller import ReplicaSetController


class ReplicationControllerSpec(ReplicaSetSpec):
    """A replica set's spec, but the selector is a map of labels. An empty one matches nothing."""

    labels: dict[str, str] = msgspec.field(name="selector", default_factory=dict)
    # Only the controller reads it, it is never written.
    selector: LabelSelector | None = msgspec.field(name="labelSelector", default=None)

    def __post_init__(self) -> None:
        if self.labels:
            self.selector = LabelSelector(match_labels=self.labels)


class ReplicationController(ReplicaSet):
    """Convert it to a replica set."""

    spec: ReplicationControllerSpec = msgspec.field(default_factory=ReplicationControllerSpec)


class ReplicationControllerController(ReplicaSetController):
    """Keeps as many pods as a replication controller wants."""

    name = "replicationmanager"
    concurrency = "concurrent_rc_syncs"
    component: ClassVar[str] = "replication-controller"
    api_version: ClassVar[str] = "v1"
    kind: ClassVar[str] = "ReplicationController"
    counts_terminating: ClassVar[bool] = False

    def sets(self, context: Context) -> Informer[ReplicaSet]:
        return context.informers.informer(
            "",
            "v1",
            "replicationcontrollers",
            ReplicationController,
            indexers={"owner": index_by_owner},
        )
