"""JWTs of other issuers, as AuthenticationConfiguration describes them (OpenID Connect ID tokens).

An issuer's keys come from its discovery document. They are read when a token names a key that is not among
them, but not more often than each ten seconds.
Source: apiserver/plugin/pkg/authenticator/token/oidc.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import jwt
import orjson

from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import status

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

Object = dict[str, Any]
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"]
_TIMEOUT_SECONDS: Final = 30
_AGAIN_SECONDS: Final = 10.0
_REMEMBERED: Final = 4096
_WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Issuer:
    """One entry of `jwt`, valid. Tokens of other issuers are not its business."""

    def __init__(self, entry: Object) -> None:
        issuer, mappings = entry["issuer"], entry["claimMappings"]
        self.url: str = issuer["url"]
        self._audiences = frozenset(issuer["audiences"])
        self._discovery = issuer.get("discoveryURL") or self.url.rstrip("/") + _WELL_KNOWN
        self._context = ssl.create_default_context(cadata=issuer.get("certificateAuthority") or None)
        self._username: Object = mappings["username"]
        self._groups: Object = mappings.get("groups") or {}
        self._uid: str = (mappings.get("uid") or {}).get("claim") or ""
        self._required = {
            rule["claim"]: rule.get("requiredValue") or "" for rule in entry.get("claimValidationRules") or ()
        }
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()
        self._known: OrderedDict[str, tuple[UserInfo, float]] = OrderedDict()

    async def authenticate(self, token: str) -> UserInfo:
        """The token's user. Raises StatusError 401."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        try:
            header = jwt.get_unverified_header(token)
            keys = await self._candidates(header.get("kid", ""))
            claims = self._verified(token, keys)
            user = self.user(claims)
        except (jwt.PyJWTError, ValueError) as error:
            log.info("a token of %s does not hold: %s", self.url, error)
            raise status.unauthorized() from None
        self._known[token] = user, float(claims["exp"])
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return user

    def user(self, claims: Object) -> UserInfo:
        """By the claim mappings. ValueError: a claim is missing or of another type."""
        name = _text(claims.get(self._username["claim"]), self._username["claim"])
        if self._username["claim"] == "email" and claims.get("email_verified", True) is not True:
            raise ValueError("email not verified")
        groups = _texts(claims.get(self._groups.get("claim", ""), []), self._groups.get("claim", ""))
        uid = _text(claims.get(self._uid), self._uid) if self._uid else ""
        for claim, value in self._required.items():
            if claims.get(claim) != value:
                raise ValueError(f"the required claim {claim} is not {value!r}")
        prefix = self._groups.get("prefix") or ""
        shown = [f"{prefix}{group}" for group in groups]
        if "system:authenticated" not in shown:
            shown.append("system:authenticated")
        return UserInfo(name=(self._username.get("prefix") or "") + name, groups=tuple(shown), uid=uid)

    async def read_keys(self) -> None:
        """Ask the issuer; what it does not tell is tried again when a token needs it."""
        # Only with other issuers: it is a tenth of a server's memory.
        import aiohttp

        async with self._lock:
            if time.monotonic() - self._read_at < _AGAIN_SECONDS:
                return
            self._read_at = time.monotonic()
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            try:
                async with aiohttp.ClientSession(timeout=timeout) as session:
                    described = await self._fetch(session, self._discovery)
                    if described.get("issuer") != self.url:
                        raise ValueError(f"it says that its issuer is {described.get('issuer')!r}")
                    listed = await self._fetch(session, described["jwks_uri"])
                keys = {}
                for each in listed["keys"]:
                    if each.get("use", "sig") == "sig":
                        keys[each.get("kid", "")] = jwt.PyJWK.from_dict(each)
                self._keys = keys
            except (
                aiohttp.ClientError,
                TimeoutError,
                ValueError,
                KeyError,
                TypeError,
                jwt.PyJWTError,
            ) as error:
                log.warning("cannot read the keys of %s: %s", self.url, error)

    async def _fetch(self, session: aiohttp.ClientSession, url: str) -> Object:
        async with session.get(url, ssl=self._context) as answer:
            if answer.status != 200:
                raise ValueError(f"{url} answers {answer.status}")
            document: Object = orjson.loads(await answer.read())
            return document

    async def _candidates(self, name: str) -> Sequence[jwt.PyJWK]:
        if not self._keys or (name and name not in self._keys):
            await self.read_keys()
        if name:
            return [self._keys[name]] if name in self._keys else []
        return list(self._keys.values())

    def _verified(self, token: str, keys: Sequence[jwt.PyJWK]) -> Object:
        for key in keys:
            try:
                claims: Object = jwt.decode(
                    token,
                    key,
                    algorithms=_ALGORITHMS,
                    issuer=self.url,
                    options={"verify_aud": False, "verify_iat": False, "require": ["exp"]},
                )
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                continue
            given = claims.get("aud", [])
            if self._audiences.isdisjoint([given] if isinstance(given, str) else given):
                raise ValueError(f"it is for {given}")
            return claims
        raise ValueError("no key of the issuer signed it")


def issuer_of(token: str) -> str:
    """The unverified issuer of a JWT; "" for what is none."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except jwt.PyJWTError:
        return ""


def _text(value: Any, claim: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"the claim {claim} is no string")


def _texts(value: Any, claim: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise ValueError(f"the claim {claim} is no list of strings")
    return values
