"""Tokens in secrets of type service-account-token (pkg/controller/serviceaccount/tokens_controller.go).

Pods get their tokens by TokenRequest; these are for those who ask for a secret that never expires.
"""

import base64
from pathlib import Path
from typing import Any, Final

import orjson

from kprov.kube.api.core import Secret, ServiceAccount
from kprov.kube.client import ApiError
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.updates import update_whole

TYPE: Final = "kubernetes.io/service-account-token"
_ANNOTATION: Final = "kubernetes.io/service-account."
_CLAIM: Final = "kubernetes.io/serviceaccount/"


class TokenSecretController(Controller):
    """Keys are secrets. Fills those whose account exists, deletes the others."""

    name = "serviceaccount_tokens_service"
    concurrency = "concurrent_serviceaccount_token_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._key = Path(context.options.service_account_private_key_file).read_bytes()
        root = context.options.root_ca_file
        self._authority = Path(root).read_bytes() if root else b""
        self._accounts = context.informers.informer("", "v1", "serviceaccounts", ServiceAccount)
        self._secrets = context.informers.informer("", "v1", "secrets", Secret, field_selector=f"type={TYPE}")
        self._secrets.add_handler(on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new))
        self._accounts.add_handler(on_add=self._handle_account_change, on_delete=self._handle_account_change)

    async def sync(self, key: str) -> None:
        secret = self._secrets.get(*split_key(key))
        if secret is None or secret.type != TYPE or secret.metadata.deletion_timestamp:
            return
        annotations = secret.metadata.annotations
        name, uid = annotations.get(f"{_ANNOTATION}name", ""), annotations.get(f"{_ANNOTATION}uid", "")
        account = self._accounts.get(secret.metadata.namespace, name)
        if account is None or (uid and uid != account.metadata.uid):
            await self._delete_without_account(secret, name, uid)
            return
        data = {"namespace": _encode(secret.metadata.namespace.encode())}
        if self._authority:
            data["ca.crt"] = _encode(self._authority)
        if not secret.data.get("token"):
            data["token"] = _encode(sign_token(self._key, make_claims(secret, account)).encode())
        if uid and data.items() <= secret.data.items():
            return
        body = {
            "metadata": {"annotations": {f"{_ANNOTATION}uid": account.metadata.uid}},
            "data": data,
        }
        await update_whole(self.resource_of(self._secrets), secret, body)

    async def _delete_without_account(self, secret: Secret, name: str, uid: str) -> None:
        """Ask the server for the account before the deletion: its informer may be behind."""
        namespace = secret.metadata.namespace
        try:
            live = await self.resource_of(self._accounts).get(name, namespace=namespace) if name else None
        except ApiError as error:
            if not error.is_not_found:
                raise
            live = None
        if live is not None and uid in {"", live.metadata.uid}:
            self.queue.add_after(secret.key, 1)
            return
        try:
            await self.resource_of(self._secrets).delete(
                secret.metadata.name, namespace=namespace, preconditions_uid=secret.metadata.uid
            )
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _handle_account_change(self, account: ServiceAccount) -> None:
        for secret in self._secrets.list(account.metadata.namespace):
            if secret.metadata.annotations.get(f"{_ANNOTATION}name") == account.metadata.name:
                self.enqueue(secret)


def make_claims(secret: Secret, account: ServiceAccount) -> dict[str, Any]:
    """Return the claims of a legacy token, without audience and expiry."""
    namespace, name = account.metadata.namespace, account.metadata.name
    return {
        "iss": "kubernetes/serviceaccount",
        f"{_CLAIM}namespace": namespace,
        f"{_CLAIM}secret.name": secret.metadata.name,
        f"{_CLAIM}service-account.name": name,
        f"{_CLAIM}service-account.uid": account.metadata.uid,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def sign_token(key_pem: bytes, content: dict[str, Any]) -> str:
    """Sign a JWT with an RSA (RS256) or P-256 (ES256) key. The key ID is the public key's hash."""
    import hashlib

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("service account keys are RSA or ECDSA")
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {
        "alg": "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256",
        "kid": _encode_url(hashlib.sha256(public).digest()),
    }
    text = f"{_encode_url(orjson.dumps(header))}.{_encode_url(orjson.dumps(content))}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{text}.{_encode_url(signature)}"


def _encode_url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
