"""Allocates node ports. Each allocation is a key in etcd, /registry/kprov/nodeports/PORT.

Upstream keeps one bitmap of the whole range under /registry/ranges/servicenodeports, which every server
rewrites; a key a port has the same guarantee without conflicts. TCP and UDP share a port within one service.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import AllocationError, RangeFullError
from kprov.kube.apiserver.storage.interface import KeyChangedError, KeyExistsError, Storage, StorageError

log = logging.getLogger(__name__)

PREFIX: Final = "/registry/kprov/nodeports/"
_STATIC_MIN: Final = 16
_STATIC_MAX: Final = 128
_TAKEN: Final = "provided port is already allocated"
#: The first port in the answer to a dry run.
_PRETENDED: Final = 32769


@dataclass(frozen=True, slots=True)
class PortRange:
    """A range of ports, with both ends."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """Parse "30000-32767" or "30000+2767"."""
        if "+" in text:
            base, _, size = text.partition("+")
            return cls(int(base), int(base) + int(size))
        low, _, high = text.partition("-")
        return cls(int(low), int(high or low))

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


class NodePortAllocator:
    """Allocates and releases ports of --service-node-port-range."""

    def __init__(self, ports: PortRange, storage: Storage) -> None:
        self.ports = ports
        self._storage = storage

    async def take(self, namespace: str, name: str, port: int = 0, pretended: set[int] | None = None) -> int:
        """Allocate that port, or a free one. Raises AllocationError or StorageError.

        pretended: the ports that this dry run has got so far, None if it is no dry run.
        """
        if pretended is not None:
            return await self._pretend(port, pretended)
        if port:
            if port not in self.ports:
                raise AllocationError(
                    f"provided port is not in the valid range. The range of valid ports is {self.ports}"
                )
            if not await self._create(namespace, name, port):
                raise AllocationError(_TAKEN)
            return port
        taken = {key for key, _ in await self.reservations()}
        for candidate in self._candidates():
            if candidate not in taken and await self._create(namespace, name, candidate):
                return candidate
        raise RangeFullError("range is full")

    async def _pretend(self, port: int, pretended: set[int]) -> int:
        """Return a port that this dry run does not have yet. As upstream, it is not checked to be free."""
        if port and (port in pretended or await self._storage.get(f"{PREFIX}{port}") is not None):
            raise AllocationError(_TAKEN)
        pretended_port = port or max({_PRETENDED - 1, *pretended}) + 1
        pretended.add(pretended_port)
        return pretended_port

    async def release(self, namespace: str, name: str, port: int) -> None:
        """Release the port if that service has it."""
        try:
            current = await self._storage.get(f"{PREFIX}{port}")
            if current is not None and current.value.decode() == f"{namespace}/{name}":
                await self._storage.delete(current.key, expected=current.revision)
        except KeyChangedError:
            log.debug("node port %d was released at the same moment", port)
        except StorageError as error:
            log.warning("node port %d of %s/%s was not released: %s", port, namespace, name, error)

    async def reservations(self) -> Sequence[tuple[int, str]]:
        """(port, "NAMESPACE/NAME") of all allocations."""
        page = await self._storage.list(PREFIX)
        return [(int(item.key.removeprefix(PREFIX)), item.value.decode()) for item in page.items]

    async def _create(self, namespace: str, name: str, port: int) -> bool:
        try:
            await self._storage.create(f"{PREFIX}{port}", f"{namespace}/{name}".encode())
        except KeyExistsError:
            return False
        return True

    def _candidates(self) -> chain[int]:
        """Ports of the upper part, then of the lower part for static ports, as in KEP-3668."""
        size = self.ports.high - self.ports.low + 1
        static = 0 if size < _STATIC_MIN else min(max(_STATIC_MIN, size // 32), _STATIC_MAX)
        upper = list(range(self.ports.low + static, self.ports.high + 1))
        random.shuffle(upper)
        return chain(upper, range(self.ports.low, self.ports.low + static))
