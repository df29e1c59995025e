"""ImageLocality: a node that has the pod's images already saves pulling them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.state.columns import Mask

_MEBIBYTE = 1024 * 1024
_LEAST, _MOST_PER_CONTAINER = 23 * _MEBIBYTE, 1000 * _MEBIBYTE


class ImageLocality(Plugin):
    name = "ImageLocality"

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        state = cycle.state
        sums = np.zeros(state.capacity, dtype=np.float64)
        for image in _list_images(cycle.info.pod):
            sizes = state.get_image_sizes(normalize_image_name(image))
            having = np.count_nonzero(sizes)
            if having:
                # An image that few nodes have weighs less, lest they all be crowded onto those.
                sums += np.floor(sizes * (having / state.node_count))
        if not sums.any():
            return None
        spec = cycle.info.pod.spec
        most = _MOST_PER_CONTAINER * (len(spec.init_containers) + len(spec.containers))
        scores: Scores = np.floor(MAX_SCORE * (np.clip(sums, _LEAST, most) - _LEAST) / (most - _LEAST))
        return scores


def _list_images(pod: Pod) -> Iterator[str]:
    """Return the images of containers, and of volumes that mount an image."""
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        yield container.image
    for volume in pod.spec.volumes:
        if source := volume.get("image"):
            yield source.get("reference", "")


def normalize_image_name(image: str) -> str:
    """Add :latest if the tag is missing, as nodes report images."""
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
