"""The range of cluster IPs: its addresses and the order in which they are tried.

Source: upstream pkg/registry/core/service/ipallocator/ipallocator.go.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_STATIC_MIN: Final = 16
_STATIC_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class AddressRange:
    """One CIDR without its network address and, for IPv4, without its broadcast address."""

    network: Network

    @classmethod
    def of_flag(cls, text: str) -> list[AddressRange]:
        """Parse --service-cluster-ip-range. The first range is of the default family."""
        return [cls(ipaddress.ip_network(part.strip(), strict=False)) for part in text.split(",") if part]

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    @property
    def first(self) -> Address:
        """The address of the service default/kubernetes."""
        return self.network[1]

    @property
    def last(self) -> Address:
        return self.network[-2] if self.network.version == 4 else self.network[-1]

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address))
            and address.version == self.network.version
            and int(self.first) <= int(address) <= int(self.last)
        )

    def candidates(self, taken: Container[str], *, chooser: random.Random | None = None) -> Iterator[Address]:
        """Free addresses, first from the upper part, then from the lower part, which is for static addresses.

        Each part starts at a random place, so that several servers seldom try the same address.
        """
        first, last = int(self.first) + 1, int(self.last)
        if first > last:
            return
        size = last - first + 2
        # The size of the lower part, as upstream's calculateRangeOffset.
        static = 0 if size < _STATIC_MIN else min(max(_STATIC_MIN, size // _STATIC_MIN), _STATIC_MAX)
        chooser = chooser or random.Random()  # noqa: S311  spreads, hides nothing
        kind = type(self.first)
        for low, high in ((int(self.first) + static, last), (first, int(self.first) + static - 1)):
            start = max(low, first)
            if start > high:
                continue
            at = chooser.randint(start, high)
            for number in chain(range(at, high + 1), range(start, at)):
                address = kind(number)
                if str(address) not in taken:
                    yield address
