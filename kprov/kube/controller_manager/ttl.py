"""Sets how long kubelets may cache secrets and config maps, by the number of nodes (pkg/controller/ttl)."""

from typing import Final

from kprov.kube.api.core import Node
from kprov.kube.controller_manager.framework.controller import Context, Controller

ANNOTATION: Final = "node.alpha.kubernetes.io/ttl"
# (fewest nodes, most nodes, seconds); the ranges overlap so that a size at a border does not flap.
BOUNDARIES: Final = (
    (0, 100, 0),
    (90, 500, 15),
    (450, 1000, 30),
    (900, 2000, 60),
    (1800, 2**31, 300),
)


def get_next_step(step: int, nodes: int) -> int:
    """Return the row of BOUNDARIES for that many nodes, coming from row `step`."""
    while nodes > BOUNDARIES[step][1]:
        step += 1
    while nodes < BOUNDARIES[step][0]:
        step -= 1
    return step


class TtlController(Controller):
    """Keys are nodes."""

    name = "ttlcontroller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._step = 0
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._nodes.add_handler(
            on_add=self._count_node, on_update=lambda _, new: self.enqueue(new), on_delete=self._count_node
        )

    async def sync(self, key: str) -> None:
        node = self._nodes.get("", key)
        seconds = str(BOUNDARIES[self._step][2])
        if node is not None and node.metadata.annotations.get(ANNOTATION) != seconds:
            await self.resource_of(self._nodes).patch(
                key, {"metadata": {"annotations": {ANNOTATION: seconds}}}
            )

    def _count_node(self, node: Node) -> None:
        step = get_next_step(self._step, len(self._nodes.store))
        if step != self._step:
            self._step = step
            for known_node in self._nodes.list():
                self.enqueue(known_node)
        self.enqueue(node)
