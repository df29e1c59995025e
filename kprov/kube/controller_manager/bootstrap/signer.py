"""Signs the config map cluster-info with every bootstrap token (pkg/controller/bootstrap/bootstrapsigner.go).

A new node that knows a token can so check the authority in cluster-info before it trusts it.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Final

from kprov.kube.client import ApiError
from kprov.kube.controller_manager.bootstrap import tokens
from kprov.kube.controller_manager.framework.controller import Context, Controller

_NAMESPACE: Final = "kube-public"
_CONFIG_MAP: Final = "cluster-info"
_CONTENT_KEY: Final = "kubeconfig"
_SIGNATURE_PREFIX: Final = "jws-kubeconfig-"


class BootstrapSigner(Controller):
    """The only key is the config map."""

    name = "bootstrap_signer_queue"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._maps = context.informers.informer(
            "", "v1", "configmaps", namespace=_NAMESPACE, field_selector=f"metadata.name={_CONFIG_MAP}"
        )
        self._secrets = context.informers.informer(
            "", "v1", "secrets", namespace=tokens.NAMESPACE, field_selector=f"type={tokens.SECRET_TYPE}"
        )
        for informer in (self._maps, self._secrets):
            informer.add_handler(
                on_add=lambda _: self._handle(),
                on_update=lambda _, __: self._handle(),
                on_delete=lambda _: self._handle(),
            )

    def _handle(self) -> None:
        self.queue.add(f"{_NAMESPACE}/{_CONFIG_MAP}")

    async def sync(self, key: str) -> None:
        document = self._maps.get(_NAMESPACE, _CONFIG_MAP)
        data = (document or {}).get("data") or {}
        content = data.get(_CONTENT_KEY)
        if document is None or content is None:
            return
        now = time.time()
        wanted = {name: text for name, text in data.items() if not name.startswith(_SIGNATURE_PREFIX)}
        for secret in self._secrets.list():
            token = tokens.find_signing_token(secret, now)
            if token is not None:
                wanted[_SIGNATURE_PREFIX + token[0]] = sign_detached(content, *token)
            left = tokens.compute_seconds_left(secret, now)
            if left:
                # The signature ends with the token, also while the token cleaner is off.
                self.queue.add_after(key, left)
        if wanted == data:
            return
        try:
            await self.resource_of(self._maps).update({**document, "data": wanted}, namespace=_NAMESPACE)
        except ApiError as error:
            if not error.is_not_found:
                raise


def sign_detached(content: str, identity: str, private: str) -> str:
    """Return a compact JWS (RFC 7515) without its payload, signed with HS256."""
    header = _encode(json.dumps({"alg": "HS256", "kid": identity}, separators=(",", ":")).encode())
    payload = _encode(content.encode())
    digest = hmac.new(private.encode(), f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}..{_encode(digest)}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
