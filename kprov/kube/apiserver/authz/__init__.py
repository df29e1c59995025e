"""Authorization: --authorization-mode's authorizers in their order, after system:masters.

Called by app and by what must ask for a user (reviews, escalation checks, impersonation).
"""

from __future__ import annotations

from kprov.kube.apiserver.authz.union import MASTERS, Union, build

__all__ = ["MASTERS", "Union", "build"]
