"""Why a container does not run."""

from dataclasses import dataclass


@dataclass(slots=True)
class Waiting:
    """Goes into the container's status as state.waiting."""

    reason: str
    message: str
