"""Why no node fits a pod, for its events and its condition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Diagnosis:
    """Why nodes were rejected. reasons: text > number of nodes. plugins: the rules that rejected any.

    `pending`: plugins that wait for an event of their own (Code.PENDING).
    `pre_filter_message`: why the pod fits on no node whatever nodes there are.
    `post_filter_message`: why preemption does not help.
    """

    total: int
    reasons: dict[str, int]
    plugins: frozenset[str]
    pending: frozenset[str] = frozenset()
    pre_filter_message: str = ""
    post_filter_message: str = ""

    @property
    def message(self) -> str:
        """Return upstream's text: that of the filters, then that of PostFilter."""
        return f"{self._filter_message} {self.post_filter_message}".rstrip()

    @property
    def _filter_message(self) -> str:
        """Return upstream's text, such as '0/3 nodes are available: 3 Insufficient cpu.'."""
        if not self.total:
            return "no nodes available to schedule pods"
        if self.pre_filter_message:
            return f"0/{self.total} nodes are available: {self.pre_filter_message}."
        parts = ", ".join(sorted(f"{count} {reason}" for reason, count in self.reasons.items()))
        return f"0/{self.total} nodes are available" + (f": {parts}." if parts else ".")
