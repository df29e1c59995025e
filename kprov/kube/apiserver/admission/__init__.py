"""Admission: the chain of plugins in upstream's order.

Called by the store and the subresources.
"""

from __future__ import annotations

from kprov.kube.apiserver.admission.chain import Chain, build

__all__ = ["Chain", "build"]
