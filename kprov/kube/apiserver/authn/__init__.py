"""Authentication: the user of a request, by certificate, token or the headers of a front proxy.

Called by app and by the reviews.
"""

from __future__ import annotations

from kprov.kube.apiserver.authn.union import Union, build

__all__ = ["Union", "build"]
