"""A limit of the work for one object, which several walks may share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """The number of steps that are left."""

    left: int

    def take(self) -> bool:
        """Take a step. Return False if none is left."""
        self.left -= 1
        return self.left >= 0
