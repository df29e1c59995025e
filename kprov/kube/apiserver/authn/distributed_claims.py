"""Distributed claims: the token has a URL from which another JWT with the claim is fetched.

OpenID Connect Core 1.0, section 5.6.2. Source: apiserver/plugin/pkg/authenticator/token/oidc (claimResolver).
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from kprov.kube.apiserver.authn.id_tokens import find_issuer
from kprov.kube.apiserver.authn.key_sets import KeySet
from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.machinery.json_object import JsonObject


class DistributedClaims:
    """Fetches one claim."""

    def __init__(
        self,
        claim: str,
        verify: Callable[[str, KeySet], Awaitable[JsonObject]],
        context: ssl.SSLContext,
    ) -> None:
        """verify: returns the claims of a token that the keys verify. context: TLS of all requests."""
        self._claim = claim
        self._verify = verify
        self._context = context
        self._issuers: dict[str, KeySet] = {}

    async def expand(self, claims: JsonObject) -> JsonObject:
        """Add the fetched claim to the claims. Raise RefusedTokenError."""
        names = claims.get("_claim_names") or {}
        source = names.get(self._claim)
        if self._claim in claims or source is None:
            return claims
        try:
            place = claims["_claim_sources"][source]
            if not place.get("endpoint"):
                return claims
            claim = await self._fetch_claim(place["endpoint"], place.get("access_token") or "")
        except RefusedTokenError as error:
            raise self._refused_error(f"verify distributed claim token: {error.text}") from None
        except (OSError, ValueError, AttributeError) as error:
            raise self._refused_error(str(error)) from None
        return claims | {self._claim: claim}

    def _refused_error(self, text: str) -> RefusedTokenError:
        return RefusedTokenError(f"oidc: could not expand distributed claims: {text}")

    async def _fetch_claim(self, endpoint: str, access: str) -> Any:
        asker = KeySet(endpoint, self._context)
        try:
            body, _ = await asker.fetch(endpoint, access)
        except OSError as error:
            raise OSError(f'while getting distributed claim "{self._claim}": {error}') from None
        token = body.decode()
        issuer = find_issuer(token)
        keys = self._issuers.setdefault(issuer, KeySet(issuer, self._context))
        if not await keys.discover():
            text = f'verifier not initialized for issuer: "{issuer}"'
            raise ValueError(f"verifying untrusted issuer {issuer} failed: {text}")
        claims = await self._verify(token, keys)
        if self._claim not in claims:
            text = f'jwt returned by distributed claim endpoint "{endpoint}" did not contain claim'
            raise ValueError(f"{text}: {self._claim}")
        return claims[self._claim]
