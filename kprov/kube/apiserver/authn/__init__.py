"""Authentication: who sent a request, from its certificate, token or a front proxy's headers.

Called by app and by the reviews.
"""

from __future__ import annotations

from kprov.kube.apiserver.authn.union import Union, build

__all__ = ["Union", "build"]
