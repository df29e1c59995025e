"""The networks of the labs that tests make, in one table because labs of one machine must not overlap."""

from __future__ import annotations

import os
from typing import Final

#: By purpose. `kprov lab up` has 10.70.0.0/24 by default, Molecule's lab 10.74.0.0/24.
SUBNETS: Final = {
    "cri": "10.68.0.0/24",
    "parity": "10.69.0.0/24",
    "lab": "10.71.0.0/24",
    "isolated": "10.72.0.0/24",
    "collection": "10.73.0.0/24",
    "registries": "10.75.0.0/24",
    "mixed": "10.76.0.0/24",
    "wheel": "10.77.0.0/24",
    "fault": "10.78.0.0/24",
    "component": "10.79.0.0/24",
}
assert len({*SUBNETS.values()}) == len(SUBNETS)


def find_subnet(purpose: str) -> str:
    """Return the network of a lab, or what KPROV_TEST_<PURPOSE>_SUBNET names. The main lab's is KPROV_TEST_SUBNET."""
    variable = "KPROV_TEST_SUBNET" if purpose == "lab" else f"KPROV_TEST_{purpose.upper()}_SUBNET"
    return os.environ.get(variable, SUBNETS[purpose])
