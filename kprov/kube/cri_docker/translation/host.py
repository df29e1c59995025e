"""What translations depend on besides the request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """version: of the engine's API. cgroup_driver: "systemd" or "cgroupfs".

    lowest_oom_score: the lowest oom_score_adj that a container may have.
    """

    version: tuple[int, int]
    cgroup_driver: str
    lowest_oom_score: int
