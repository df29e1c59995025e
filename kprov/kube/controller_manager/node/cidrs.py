"""Divides the cluster's pod ranges among nodes (pkg/controller/nodeipam/ipam/cidrset)."""

import ipaddress
from collections.abc import Callable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class CidrSet:
    """The `count` parts of one cluster range. A cursor moves on: a free part is not reused immediately."""

    def __init__(self, cluster: Network, prefix: int, kept_free: Sequence[Network] = ()) -> None:
        if prefix < cluster.prefixlen:
            raise ValueError(f"node mask size {prefix} is larger than the cluster range {cluster}")
        self.cluster = cluster
        self._prefix = prefix
        self._kept_free = [network for network in kept_free if network.version == cluster.version]
        self.count: int = 1 << (prefix - cluster.prefixlen)
        self._next = 0

    def allocate(self, is_taken: Callable[[str], bool]) -> str | None:
        """Return the next part for which `is_taken` is false. None if all are taken."""
        for step in range(self.count):
            index = (self._next + step) % self.count
            part = self._part(index)
            if not is_taken(str(part)) and not any(_find_overlap(part, other) for other in self._kept_free):
                self._next = (index + 1) % self.count
                return str(part)
        return None

    def contains(self, part: str) -> bool:
        return _find_overlap(self.cluster, ipaddress.ip_network(part))

    def _part(self, index: int) -> Network:
        size = self.cluster.max_prefixlen - self._prefix
        start = int(self.cluster.network_address) + (index << size)
        return type(self.cluster)((start, self._prefix))


def _find_overlap(network: Network, other: Network) -> bool:
    return network.version == other.version and bool(
        network.network_address <= other.broadcast_address  # type: ignore[operator]
        and other.network_address <= network.broadcast_address  # type: ignore[operator]
    )


def parse_cidrs(text: str) -> list[Network]:
    """Comma-separated ranges. Raises ValueError."""
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
