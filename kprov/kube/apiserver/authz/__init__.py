"""Authorization: --authorization-mode's authorizers in their order, after system:masters.

Called by app, which passes the authorizer to admission, reviews and the registry's hooks.
"""

from __future__ import annotations

from kprov.kube.apiserver.authz.union import MASTERS, Union, build

__all__ = ["MASTERS", "Union", "build"]
