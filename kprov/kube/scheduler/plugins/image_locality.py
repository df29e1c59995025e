"""ImageLocality: prefers nodes that have the pod's images, more so images that many nodes have."""

import numpy as np

from kprov.kube.scheduler.framework import MAX_SCORE, Cycle, Plugin
from kprov.kube.scheduler.node_table import Ints

_MIB = 1024 * 1024
_LEAST = 23 * _MIB
_MOST_A_CONTAINER = 1000 * _MIB


class ImageLocality(Plugin):
    name = "ImageLocality"

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        spec, table = cycle.pod.pod.spec, cycle.table
        containers = [*spec.init_containers, *spec.containers]
        found = [table.images[name] for entry in containers if (name := normal(entry.image)) in table.images]
        if not found:
            return None
        total = np.zeros(table.size, dtype=np.int64)
        for sizes in found:
            share = len(sizes) / len(table.rows)
            for row, size in sizes.items():
                total[row] += int(size * share)
        most = _MOST_A_CONTAINER * len(containers)
        scores: Ints = MAX_SCORE * (np.clip(total[rows], _LEAST, most) - _LEAST) // (most - _LEAST)
        return scores


def normal(image: str) -> str:
    """With a tag, as nodes report images."""
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
