"""Admission: the chain of plugins in upstream's order.

Built by app; the stores, the verbs and the subresources call it by the protocol Admission.
"""

from __future__ import annotations

from kprov.kube.apiserver.admission.chain import Chain, build

__all__ = ["Chain", "build"]
