"""Service account tokens: JWTs that this cluster signs and checks.

Source: upstream pkg/serviceaccount/{claims,jwt}.go. A bound token names a pod, secret or
node and ends with it. Claims of a token are verified once; that its account and pod still exist is looked up
every time.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import time
import uuid
from base64 import b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import status, timestamps

Object = dict[str, Any]
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PREFIX: Final = "system:serviceaccount:"
_REMEMBERED: Final = 8192
_ALGORITHMS: Final = ["RS256", "ES256", "ES384", "ES512"]
_LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
#: Set by the cleaner of legacy tokens on what has not been used for long.
_INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
_LEGACY: Final = "kubernetes.io/serviceaccount/"
#: Clocks of API servers may differ by so much, as upstream's jwt.DefaultLeeway.
_LEEWAY_SECONDS: Final = 60


def key_id(key: PublicKey) -> str:
    """The key's name in JWT headers and the JWKS: the SHA-256 of its DER form, as upstream has it."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def algorithm_of(key: PublicKey) -> str:
    """RS256 for RSA, by the curve for elliptic keys."""
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

    def sign(self, claims: Object) -> str:
        """A token of these claims, ours as issuer."""
        public = self.public_key
        # Upstream's tokens do not say that they are JWTs.
        headers = {"kid": key_id(public), "typ": ""}
        return jwt.encode(
            claims | {"iss": self._issuer}, self._key, algorithm=algorithm_of(public), headers=headers
        )


def bound_claims(
    account: Object,
    *,
    audiences: list[str],
    seconds: int,
    bound: Object | None = None,
    node: Object | None = None,
    now: float | None = None,
) -> Object:
    """Claims of a token for an account, bound to a Pod, Secret or Node (whole objects).

    A pod's token also names the pod's node. `warnafter` is set on tokens that outlive what clients asked for.
    """
    meta = account["metadata"]
    issued = int(time.time() if now is None else now)
    private: Object = {
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


class WrongAudienceError(status.StatusError):
    """A token that holds, but for others; 401. `text` is what a TokenReview says."""

    def __init__(self, text: str) -> None:
        super().__init__(status.unauthorized().status)
        self.text = text


def _quoted(values: list[str]) -> str:
    return f"[{' '.join(status.quoted(value) for value in values)}]"


class _Need:
    """An object that a token depends on, as it was when the token was checked."""

    __slots__ = ("cache", "ends", "entry", "key")

    def __init__(self, cache: ResourceCache, key: str, entry: Entry | None, *, ends: bool) -> None:
        self.cache = cache
        self.key = key
        self.entry = entry
        self.ends = ends


class _Hit:
    """A checked token. It holds while the very entries are in the cache that it was checked against."""

    __slots__ = ("_needs", "_until", "audiences", "user")

    def __init__(self, user: UserInfo, audiences: list[str], until: float, needs: tuple[_Need, ...]) -> None:
        self.user = user
        self.audiences = audiences
        self._until = until
        self._needs = needs

    def holds(self) -> bool:
        if time.time() >= self._until:
            return False
        return all(need.cache.get(need.key) is need.entry for need in self._needs)


class ServiceAccountAuthenticator:
    """Verifies tokens with the keys of --service-account-key-file."""

    def __init__(
        self, keys: list[PublicKey], issuers: list[str], audiences: list[str], registry: Registry
    ) -> None:
        self.keys = {key_id(key): key for key in keys}
        self._issuers = [*issuers, _LEGACY_ISSUER]
        self.audiences = audiences
        self._registry = registry
        self._verified: OrderedDict[str, Object] = OrderedDict()
        self._hits: dict[str, _Hit] = {}

    async def authenticate(
        self, token: str, audiences: list[str] | None = None
    ) -> tuple[UserInfo, list[str]] | None:
        """The account and the audiences that both sides know.

        None when the token is not one of ours; StatusError 401 when it is, but does not hold (any more).
        """
        if audiences is None:
            hit = self._hits.get(token)
            if hit is not None and hit.holds():
                return hit.user, hit.audiences
        claims = self._verify(token)
        if claims is None:
            return None
        needs: list[_Need] = []
        user, common = await self._found(claims, token, audiences, needs)
        if audiences is None:
            if len(self._hits) >= _REMEMBERED:
                self._hits.clear()
            until = claims.get("exp", float("inf")) + _LEEWAY_SECONDS
            # What is being deleted ends by the clock, not with a change.
            if not any(need.ends for need in needs):
                self._hits[token] = _Hit(user, common, until, tuple(needs))
        return user, common

    async def _found(
        self, claims: Object, token: str, audiences: list[str] | None, needs: list[_Need]
    ) -> tuple[UserInfo, list[str]]:
        """The user of verified claims; what they depend on is added to needs."""
        if claims["iss"] == _LEGACY_ISSUER:
            return await self._legacy(claims, token, needs), audiences or self.audiences
        wanted = audiences or self.audiences
        given = claims.get("aud", [])
        common = [
            audience for audience in ([given] if isinstance(given, str) else given) if audience in wanted
        ]
        if not common:
            shown = [given] if isinstance(given, str) else list(given)
            text = f"token audiences {_quoted(shown)} is invalid for the target audiences {_quoted(wanted)}"
            raise WrongAudienceError(text)
        return await self._bound(claims, needs), common

    def _verify(self, token: str) -> Object | None:
        claims = self._verified.get(token)
        if claims is not None:
            if "exp" in claims and claims["exp"] <= time.time() - _LEEWAY_SECONDS:
                del self._verified[token]
                raise status.unauthorized()
            return claims
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError:
            return None
        if issuer not in self._issuers:
            return None
        candidates = (
            [self.keys[header["kid"]]] if header.get("kid") in self.keys else list(self.keys.values())
        )
        for key in candidates:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm_of(key)],
                    leeway=_LEEWAY_SECONDS,
                    options={"verify_aud": False, "verify_iat": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                raise status.unauthorized() from None
            self._verified[token] = claims
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
            return claims
        raise status.unauthorized()

    async def _bound(self, claims: Object, needs: list[_Need]) -> UserInfo:
        private = claims.get("kubernetes.io") or {}
        namespace = private.get("namespace", "")
        account = private.get("serviceaccount") or {}
        await self._exists("serviceaccounts", namespace, account, needs)
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims.get('jti', '')}",)}
        pod, node = private.get("pod"), private.get("node")
        if pod:
            await self._exists("pods", namespace, pod, needs)
            extra["authentication.kubernetes.io/pod-name"] = (pod["name"],)
            extra["authentication.kubernetes.io/pod-uid"] = (pod["uid"],)
        if private.get("secret"):
            await self._exists("secrets", namespace, private["secret"], needs)
        if node:
            if not pod:
                await self._exists("nodes", "", node, needs)
            extra["authentication.kubernetes.io/node-name"] = (node["name"],)
            extra["authentication.kubernetes.io/node-uid"] = (node.get("uid", ""),)
        return account_user(namespace, account["name"], account.get("uid", ""), extra)

    async def _legacy(self, claims: Object, token: str, needs: list[_Need]) -> UserInfo:
        """A token of a Secret: it holds as long as the secret has it."""
        names = ("namespace", "secret.name", "service-account.name", "service-account.uid")
        namespace, secret_name, name, uid = (str(claims.get(f"{_LEGACY}{part}", "")) for part in names)
        if not all((namespace, secret_name, name, uid)) or claims.get("sub") != f"{PREFIX}{namespace}:{name}":
            raise status.unauthorized()
        account = await self._find("serviceaccounts", namespace, name, needs, uid)
        secret = await self._find("secrets", namespace, secret_name, needs)
        if account is None or secret is None or any(map(_deletion, (account, secret))):
            raise status.unauthorized()
        if (secret["metadata"].get("labels") or {}).get(_INVALID_SINCE):
            raise status.unauthorized()
        try:
            held = b64decode((secret.get("data") or {}).get("token", ""))
        except binascii.Error:
            raise status.unauthorized() from None
        if not hmac.compare_digest(held, token.encode()):
            raise status.unauthorized()
        return account_user(namespace, name, uid, {})

    async def _exists(self, plural: str, namespace: str, reference: Object, needs: list[_Need]) -> None:
        """The object is there, the same one, and not past its deletion. Raises StatusError 401."""
        name, uid = reference.get("name", ""), reference.get("uid", "")
        found = await self._find(plural, namespace, name, needs, uid)
        if found is None:
            raise status.unauthorized()
        # A finalizer may keep an object for long; what it stood for ended at its deletion time.
        deletion = _deletion(found)
        if deletion and timestamps.seconds(deletion) < time.time() - _LEEWAY_SECONDS:
            raise status.unauthorized()

    async def _find(
        self, plural: str, namespace: str, name: str, needs: list[_Need], uid: str = ""
    ) -> Object | None:
        """From the cache; asks storage before it says no, for the cache may be behind an instant."""
        store = self._registry.store("", plural)
        found = store.lister.get(namespace, name)
        if found is None or (uid and found["metadata"]["uid"] != uid):
            await store.fresh()
            found = store.lister.get(namespace, name)
        if found is None or (uid and found["metadata"]["uid"] != uid):
            return None
        key = keys.key(store.resource, namespace, name)
        entry = store.cache.get(key)
        # An entry that is newer already than what was looked at is no ground to remember anything.
        same = entry is not None and str(entry.revision) == found["metadata"]["resourceVersion"]
        needs.append(_Need(store.cache, key, entry, ends=not same or bool(_deletion(found))))
        return found


def account_user(namespace: str, name: str, uid: str, extra: Mapping[str, tuple[str, ...]]) -> UserInfo:
    """The user that a service account is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return UserInfo(name=f"{PREFIX}{namespace}:{name}", groups=groups, uid=uid, extra=extra)


def _deletion(obj: Object) -> str:
    return obj["metadata"].get("deletionTimestamp") or ""


def load_public_keys(paths: list[str]) -> list[PublicKey]:
    """Keys of PEM files: public keys, certificates' or private keys' public parts."""
    return [_public_key(Path(path).read_bytes(), path) for path in paths]


def _public_key(pem: bytes, path: str) -> PublicKey:
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
