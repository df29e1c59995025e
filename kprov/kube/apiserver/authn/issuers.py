"""OpenID Connect ID tokens of the issuers in AuthenticationConfiguration.

Source: apiserver/plugin/pkg/authenticator/token/oidc.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.authn import id_tokens
from kprov.kube.apiserver.authn.certificates import SAID
from kprov.kube.apiserver.authn.distributed_claims import DistributedClaims
from kprov.kube.apiserver.authn.id_tokens import ALGORITHMS
from kprov.kube.apiserver.authn.key_sets import KeySet
from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import MAX_TOKEN, BoundedCache

_REMEMBERED: Final = 4096


class Issuer:
    """One valid entry of `jwt`. The caller selects it by the token's issuer."""

    def __init__(self, entry: JsonObject, algorithms: Sequence[str] = ALGORITHMS) -> None:
        """algorithms: allowed signature algorithms."""
        issuer, mappings = entry["issuer"], entry["claimMappings"]
        self.url: str = issuer["url"]
        self._audiences: Sequence[str] = issuer["audiences"]
        self._algorithms = algorithms
        context = ssl.create_default_context(cadata=issuer.get("certificateAuthority") or None)
        self.keys = KeySet(self.url, context, issuer.get("discoveryURL") or "")
        self._username: JsonObject = mappings["username"]
        self._groups: JsonObject = mappings.get("groups") or {}
        self._uid: str = (mappings.get("uid") or {}).get("claim") or ""
        self._required = {
            rule["claim"]: rule.get("requiredValue") or "" for rule in entry.get("claimValidationRules") or ()
        }
        claim = self._groups.get("claim") or ""
        self._elsewhere = DistributedClaims(claim, self._verify, context) if claim else None
        self._known: BoundedCache[str, tuple[UserInfo, float, int]] = BoundedCache(_REMEMBERED, MAX_TOKEN)

    async def authenticate(self, token: str) -> UserInfo:
        """Return the user of a token. Raise StatusError 401."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1] and known[2] == self.keys.changes:
            return known[0]
        if not await self.keys.discover():
            raise RefusedTokenError("oidc: authenticator not initialized")
        claims = await self._verify(token, self.keys)
        if self._elsewhere is not None:
            claims = await self._elsewhere.expand(claims)
        user = self.build_user(claims)
        self._known.put(token, (user, float(claims["exp"]), self.keys.changes))
        return user

    async def _verify(self, token: str, keys: KeySet) -> JsonObject:
        """Verify a token with the keys and return its claims."""
        try:
            parsed = id_tokens.parse(token)
        except ValueError as error:
            raise RefusedTokenError(f"oidc: verify token: oidc: malformed jwt: {error}") from None
        if parsed.algorithm not in self._algorithms:
            known = " ".join(f'"{algorithm}"' for algorithm in self._algorithms)
            text = f'unsupported algorithm, expected [{known}] got "{parsed.algorithm}"'
            raise RefusedTokenError(f"oidc: verify token: oidc: id token signed with {text}")
        await keys.verify(parsed)
        id_tokens.check_claims(parsed.claims, keys.url, self._audiences)
        return parsed.claims

    def build_user(self, claims: JsonObject) -> UserInfo:
        """Return the user by the claim mappings.

        Raise RefusedTokenError for a missing claim or a wrong type.
        """
        name = self._read_name(claims)
        prefix = self._groups.get("prefix") or ""
        try:
            named = id_tokens.read_texts(claims, self._groups.get("claim", ""))
        except ValueError as error:
            raise RefusedTokenError(f'oidc: parse groups claim "{self._groups["claim"]}": {error}') from None
        try:
            uid = id_tokens.read_text(claims, self._uid) if self._uid else ""
        except ValueError as error:
            raise RefusedTokenError(f'oidc: parse uid claim "{self._uid}": {error}') from None
        self._check_required(claims)
        groups = [prefix + group for group in named]
        if name != "system:anonymous" and SAID.isdisjoint(groups):
            groups.append("system:authenticated")
        number = claims.get("jti")
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={number}",)}
        return UserInfo(
            name=name,
            groups=tuple(groups),
            uid=uid,
            extra=extra if number and isinstance(number, str) else {},
        )

    def _read_name(self, claims: JsonObject) -> str:
        claim = self._username["claim"]
        try:
            name = id_tokens.read_text(claims, claim)
        except ValueError as error:
            raise RefusedTokenError(f'oidc: parse username claims "{claim}": {error}') from None
        if claim == "email" and "email_verified" in claims:
            verified = claims["email_verified"]
            if verified is not None and not isinstance(verified, bool):
                kind = id_tokens.name_json_type(verified)
                text = f"json: cannot unmarshal {kind} into Go value of type bool"
                raise RefusedTokenError(f"oidc: parse 'email_verified' claim: {text}")
            if not verified:
                raise RefusedTokenError("oidc: email not verified")
        return (self._username.get("prefix") or "") + name

    def _check_required(self, claims: JsonObject) -> None:
        for claim, wanted in self._required.items():
            if claim not in claims:
                raise RefusedTokenError(f"oidc: required claim {claim} not present in ID token")
            try:
                value = id_tokens.read_text(claims, claim)
            except ValueError as error:
                raise RefusedTokenError(f"oidc: parse claim {claim}: {error}") from None
            if value != wanted:
                text = f"oidc: required claim {claim} value does not match. Got = {value}, want = {wanted}"
                raise RefusedTokenError(text)
