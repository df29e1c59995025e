"""NodeName: a pod that names its node fits there only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection


class NodeName(Plugin):
    name = "NodeName"

    def list_events(self) -> Sequence[EventRegistration]:
        return (EventRegistration(Resource.NODE, Action.ADD),)

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        wanted = cycle.info.pod.spec.node_name
        if wanted:
            refused = np.ones(cycle.state.capacity, dtype=np.bool_)
            slot = cycle.state.slot_of.get(wanted)
            if slot is not None:
                refused[slot] = False
            yield Rejection("node(s) didn't match the requested node name", refused)
