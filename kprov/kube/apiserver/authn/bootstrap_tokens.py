"""Bootstrap tokens, ID.SECRET: secrets bootstrap-token-ID of kube-system, with --enable-bootstrap-token-auth.

Source: upstream plugin/pkg/auth/authenticator/token/bootstrap and cluster-bootstrap/{token,util/secrets}.
"""

from __future__ import annotations

import binascii
import hmac
import re
import time
from base64 import b64decode
from typing import Final

from kprov.kube.apiserver.interfaces.objects import CacheReader
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import timestamps

NAMESPACE: Final = "kube-system"
SECRET_TYPE: Final = "bootstrap.kubernetes.io/token"  # noqa: S105  a type's name
GROUP: Final = "system:bootstrappers"
_TOKEN: Final = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_EXTRA_GROUP: Final = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


class BootstrapTokenAuthenticator:
    """Reads the watch cache for each token, so a token is valid as long as its secret."""

    def __init__(self, secrets: CacheReader) -> None:
        self._secrets = secrets

    def authenticate(self, token: str) -> UserInfo | None:
        """Return the user system:bootstrap:ID; None for tokens of another form and invalid ones."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        identity, private = match.groups()
        secret = self._secrets.get(NAMESPACE, f"bootstrap-token-{identity}")
        if secret is None or secret["metadata"].get("deletionTimestamp") or secret.get("type") != SECRET_TYPE:
            return None
        data = {key: _decode(value) for key, value in (secret.get("data") or {}).items()}
        holds = (
            hmac.compare_digest(data.get("token-secret", b""), private.encode())
            and data.get("token-id") == identity.encode()
            and data.get("usage-bootstrap-authentication") == b"true"
            and not _is_expired(data.get("expiration", b"").decode("utf-8", "replace"))
        )
        groups = data.get("auth-extra-groups", b"").decode("utf-8", "replace")
        extra = groups.split(",") if groups else []
        if not holds or not all(_EXTRA_GROUP.fullmatch(name) for name in extra):
            return None
        named = (*sorted({GROUP, *extra}), "system:authenticated")
        return UserInfo(name=f"system:bootstrap:{identity}", groups=named)


def _decode(value: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except binascii.Error:
        return b""


def _is_expired(text: str) -> bool:
    """Whether the time is past. An invalid time counts as past."""
    if not text:
        return False
    try:
        return timestamps.seconds(text) <= time.time()
    except ValueError:
        return True
