"""Which kind has rules of its own."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.apiserver.registry.strategies.services import ServiceStrategy

STRATEGIES: Final[dict[tuple[str, str], type[ResourceStrategy]]] = {
    ("", "services"): ServiceStrategy,
}
