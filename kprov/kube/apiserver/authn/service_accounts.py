"""Service account tokens: JWTs that this cluster signs and verifies.

Source: upstream pkg/serviceaccount/{claims,jwt}.go. A bound token is valid as long as its
pod, secret or node exists. The signature of a token is verified once; its account and bound object are looked
up for each request.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kprov.kube.apiserver.authn import token_claims
from kprov.kube.apiserver.authn.legacy_tokens import ISSUER, LegacyTokens
from kprov.kube.apiserver.authn.token_claims import LEEWAY_SECONDS, RefusedTokenError
from kprov.kube.apiserver.authn.token_objects import (
    Dependency,
    TokenReader,
    TokenStores,
    find_object,
    has_ended,
)
from kprov.kube.apiserver.request import Remarks, UserInfo
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import MAX_TOKEN, BoundedCache

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PREFIX: Final = "system:serviceaccount:"
_REMEMBERED: Final = 8192
_PEM_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
#: The library verifies only the signature; token_claims checks the claims as upstream does.
_JWS: Final = jwt.PyJWS()
#: Seconds for which the warning of a stale token stays cached, as in upstream's token cache.
_STALE_SECONDS: Final = 10.0
_INVALIDATED: Final = "service account token has been invalidated"


def compute_key_id(key: PublicKey) -> str:
    """Return the key ID in JWT headers and the JWKS: the SHA-256 of its DER form, as upstream."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def find_algorithm(key: PublicKey) -> str:
    """RS256 for RSA keys, by the curve for elliptic ones."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    return {256: "ES256", 384: "ES384", 521: "ES512"}[key.curve.key_size]


class TokenSigner:
    """--service-account-signing-key-file and --service-account-issuer."""

    def __init__(self, key_file: str, issuer: str) -> None:
        key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise SystemExit(
                f"Error: --service-account-signing-key-file: {key_file}: neither an RSA nor an EC key"
            )
        self._key = key
        self.public_key: PublicKey = key.public_key()
        self._issuer = issuer

    def sign(self, claims: JsonObject) -> str:
        """Sign a token with these claims and the server as issuer."""
        public = self.public_key
        # Upstream's tokens have no header `typ`.
        headers = {"kid": compute_key_id(public), "typ": ""}
        return jwt.encode(
            claims | {"iss": self._issuer}, self._key, algorithm=find_algorithm(public), headers=headers
        )


def build_claims(
    account: JsonObject,
    *,
    audiences: list[str],
    seconds: int,
    bound: JsonObject | None = None,
    node: JsonObject | None = None,
    now: float | None = None,
) -> JsonObject:
    """Return the claims of a token for an account, bound to a Pod, Secret or Node.

    account, bound, node: objects. The token of a pod also names its node. Tokens that live longer than the
    client requested have `warnafter`.
    """
    meta = account["metadata"]
    issued = int(time.time() if now is None else now)
    private: JsonObject = {
        "namespace": meta["namespace"],
        "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
    }
    if bound is not None:
        kind = bound["kind"].lower()
        private[kind] = {"name": bound["metadata"]["name"], "uid": bound["metadata"]["uid"]}
    if node is not None:
        private["node"] = {"name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}
    return {
        "aud": audiences,
        "exp": issued + seconds,
        "iat": issued,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": private,
        "nbf": issued,
        "sub": f"{PREFIX}{meta['namespace']}:{meta['name']}",
    }


def _quote(values: list[str]) -> str:
    return f"[{' '.join(status.quoted(value) for value in values)}]"


class _VerifiedToken:
    """A verified token. It is valid while the cache has the entries with which it was verified."""

    __slots__ = ("_needs", "_until", "audiences", "user")

    def __init__(
        self, user: UserInfo, audiences: list[str], until: float, needs: tuple[Dependency, ...]
    ) -> None:
        self.user = user
        self.audiences = audiences
        self._until = until
        self._needs = needs

    def is_valid(self) -> bool:
        if time.time() >= self._until:
            return False
        return all(need.cache.get(need.key) is need.entry for need in self._needs)


class ServiceAccountAuthenticator:
    """Verifies tokens with the keys of --service-account-key-file."""

    def __init__(
        self, keys: list[PublicKey], issuers: list[str], audiences: list[str], stores: TokenStores
    ) -> None:
        self.keys = {compute_key_id(key): key for key in keys}
        self._issuers = [*issuers, ISSUER]
        self.audiences = audiences
        self._accounts = stores.store("", "serviceaccounts")
        self._bound: Mapping[str, TokenReader] = {
            kind: stores.store("", f"{kind}s") for kind in ("secret", "pod", "node")
        }
        self._legacy = LegacyTokens(stores.store("", "secrets"), self._accounts)
        self._verified: BoundedCache[str, JsonObject] = BoundedCache(_REMEMBERED, MAX_TOKEN)
        self._hits: BoundedCache[str, _VerifiedToken] = BoundedCache(_REMEMBERED, MAX_TOKEN)

    async def authenticate(
        self, token: str, audiences: list[str] | None = None
    ) -> tuple[UserInfo, list[str]] | None:
        """Return the account and the common audiences; None for a token of another issuer.

        Raise StatusError 401 for an invalid token of this issuer.
        """
        if audiences is None:
            hit = self._hits.get(token)
            if hit is not None and hit.is_valid():
                return hit.user, hit.audiences
        claims = self._verify(token)
        if claims is None:
            return None
        needs: list[Dependency] = []
        remarks = Remarks()
        if not claims.get("aud"):
            remarks.annotations["authentication.k8s.io/legacy-token"] = claims.get("sub") or ""
        common = self._find_audiences(claims, audiences)
        user = await self._find_user(claims, token, needs, remarks)
        if remarks.annotations:
            user = replace(user, remarks=remarks)
        if audiences is None:
            until = (claims["exp"] if claims.get("exp") is not None else float("inf")) + LEEWAY_SECONDS
            until = min(until, _find_remarks_end(claims))
            # An object in graceful deletion ends at a time, without a change in the cache.
            if not any(need.ends for need in needs):
                self._hits.put(token, _VerifiedToken(user, common, until, tuple(needs)))
        return user, common

    async def _find_user(
        self, claims: JsonObject, token: str, needs: list[Dependency], remarks: Remarks
    ) -> UserInfo:
        """Return the user of verified claims. Add the objects on which they depend to `needs`."""
        if claims["iss"] == ISSUER:
            namespace, name, uid = await self._legacy.find_account(claims, token, needs, remarks)
            return build_user(namespace, name, uid, {})
        token_claims.check_times(claims)
        user = await self._find_bound_user(claims, needs)
        late = time.time() - _read_warn_after(claims)
        if late > 0:
            said = f"subject: {claims.get('sub') or ''}, seconds after warning threshold: {int(late)}"
            remarks.annotations["authentication.k8s.io/stale-token"] = said
        return user

    def _find_audiences(self, claims: JsonObject, audiences: list[str] | None) -> list[str]:
        """Return the common audiences; a token without audiences is for this API server."""
        wanted = audiences or self.audiences
        audience_claim = claims.get("aud") or self.audiences
        shown = [audience_claim] if isinstance(audience_claim, str) else list(audience_claim)
        common = [audience for audience in shown if audience in wanted]
        if not common:
            text = f"token audiences {_quote(shown)} is invalid for the target audiences {_quote(wanted)}"
            raise RefusedTokenError(text)
        return common

    def _verify(self, token: str) -> JsonObject | None:
        claims = self._verified.get(token)
        if claims is not None:
            return claims
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError:
            return None
        if not isinstance(issuer, str) or issuer not in self._issuers:
            return None
        key_name = header.get("kid") or ""
        if key_name and key_name not in self.keys:
            raise RefusedTokenError("invalid signature, no keys found")
        candidates = [self.keys[key_name]] if key_name else list(self.keys.values())
        for key in candidates:
            try:
                payload = _JWS.decode(token, key, algorithms=[find_algorithm(key)])
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                continue
            except jwt.PyJWTError:
                raise status.unauthorized() from None
            claims = token_claims.decode(payload, is_legacy=issuer == ISSUER)
            self._verified.put(token, claims)
            return claims
        raise RefusedTokenError("go-jose/go-jose: error in cryptographic primitive")

    async def _find_bound_user(self, claims: JsonObject, needs: list[Dependency]) -> UserInfo:
        private = claims.get("kubernetes.io") or {}
        namespace, account = private.get("namespace") or "", private.get("serviceaccount") or {}
        name, uid = account.get("name") or "", account.get("uid") or ""
        if not name:
            raise RefusedTokenError("resource name may not be empty")
        service_account = await find_object(self._accounts, namespace, account, needs)
        if service_account is None:
            raise RefusedTokenError(f'serviceaccounts "{name}" not found')
        if service_account["metadata"]["uid"] != uid:
            there = service_account["metadata"]["uid"]
            raise RefusedTokenError(f"service account UID ({there}) does not match claim ({uid})")
        if has_ended(service_account):
            raise RefusedTokenError(f"service account {namespace}/{name} has been deleted")
        extra = {}
        if claims.get("jti"):
            extra["authentication.kubernetes.io/credential-id"] = (f"JTI={claims['jti']}",)
        pod, node, secret = private.get("pod"), private.get("node"), private.get("secret")
        if secret is not None:
            await self._check_exists("secret", namespace, secret, needs)
        if pod is not None:
            await self._check_exists("pod", namespace, pod, needs)
            extra["authentication.kubernetes.io/pod-name"] = (pod.get("name") or "",)
            extra["authentication.kubernetes.io/pod-uid"] = (pod.get("uid") or "",)
        if node is not None:
            if pod is None:
                await self._check_exists("node", "", node, needs)
            extra["authentication.kubernetes.io/node-name"] = (node.get("name") or "",)
            extra["authentication.kubernetes.io/node-uid"] = (node.get("uid") or "",)
        return build_user(namespace, name, uid, extra)

    async def _check_exists(
        self, kind: str, namespace: str, reference: JsonObject, needs: list[Dependency]
    ) -> None:
        """Raise RefusedTokenError unless the bound object exists with the same uid, not past its deletion."""
        bound_object = await find_object(self._bound[kind], namespace, reference, needs)
        if bound_object is None:
            raise RefusedTokenError(_INVALIDATED)
        there, uid = bound_object["metadata"]["uid"], reference.get("uid") or ""
        if there != uid:
            text = f"{kind} UID ({there}) does not match service account {kind} ref claim ({uid})"
            raise RefusedTokenError(text)
        if has_ended(bound_object):
            raise RefusedTokenError(_INVALIDATED)


def _read_warn_after(claims: JsonObject) -> float:
    """When a client should have replaced the token, in seconds since the epoch."""
    return (claims.get("kubernetes.io") or {}).get("warnafter") or math.inf


def _find_remarks_end(claims: JsonObject) -> float:
    """Until when the warnings of a token are up to date."""
    warn_after = _read_warn_after(claims)
    return warn_after if warn_after > time.time() else time.time() + _STALE_SECONDS


def build_user(namespace: str, name: str, uid: str, extra: Mapping[str, tuple[str, ...]]) -> UserInfo:
    """Return the user of a service account."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return UserInfo(name=f"{PREFIX}{namespace}:{name}", groups=groups, uid=uid, extra=extra)


def load_public_keys(paths: list[str]) -> list[PublicKey]:
    """Return the public keys of PEM files with public keys, certificates or private keys, one or more."""
    return [_load_public_key(block, path) for path in paths for block in _split_pem(Path(path).read_bytes())]


def _split_pem(pem: bytes) -> list[bytes]:
    """Return the blocks of a PEM file; the whole file if it has none, for the error of its parser."""
    return [block[0] for block in _PEM_BLOCK.finditer(pem)] or [pem]


def _load_public_key(pem: bytes, path: str) -> PublicKey:
    key: Any
    if b"PRIVATE KEY" in pem:
        key = serialization.load_pem_private_key(pem, None).public_key()
    elif b"BEGIN CERTIFICATE" in pem:
        from cryptography import x509

        key = x509.load_pem_x509_certificate(pem).public_key()
    else:
        key = serialization.load_pem_public_key(pem)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise SystemExit(f"Error: --service-account-key-file: {path}: neither an RSA nor an EC key")
    return key
