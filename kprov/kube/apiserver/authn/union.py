"""All authenticators in upstream's order: front proxy, certificate, bearer token, WebSocket token.

Tokens are tried in upstream's order as well: token file, service accounts, bootstrap tokens, JWT issuers.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final

from kprov.kube.apiserver.authn import configuration
from kprov.kube.apiserver.authn.bootstrap_tokens import BootstrapTokenAuthenticator
from kprov.kube.apiserver.authn.certificates import CertificateAuthenticator, Shown, follow_file
from kprov.kube.apiserver.authn.front_proxy import FrontProxyAuthenticator
from kprov.kube.apiserver.authn.id_tokens import ALGORITHMS, find_issuer
from kprov.kube.apiserver.authn.issuers import Issuer
from kprov.kube.apiserver.authn.service_accounts import (
    ServiceAccountAuthenticator,
    TokenSigner,
    load_public_keys,
)
from kprov.kube.apiserver.authn.static_tokens import load_static_tokens
from kprov.kube.apiserver.authn.token_objects import TokenStores
from kprov.kube.apiserver.authn.websocket_tokens import find_token, remove_token
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery import status

_NOWHERE: Final = RequestInfo(path="", verb="", is_resource_request=False)


class Union:
    """The first authenticator that accepts the credentials decides."""

    def __init__(
        self,
        certificates: CertificateAuthenticator,
        front_proxy: FrontProxyAuthenticator | None,
        service_accounts: ServiceAccountAuthenticator | None,
        signer: TokenSigner | None,
        *,
        static: Mapping[str, UserInfo] | None = None,
        bootstrap: BootstrapTokenAuthenticator | None = None,
        issuers: Sequence[Issuer] = (),
        audiences: Sequence[str] = (),
        takes_nameless: bool = False,
    ) -> None:
        """takes_nameless: requests without credentials are of system:anonymous on every path."""
        self._certificates = certificates
        self._front_proxy = front_proxy
        self.service_accounts = service_accounts
        self.signer = signer
        self._static = static or {}
        self._bootstrap = bootstrap
        self.audiences = list(audiences)
        self.takes_nameless = takes_nameless
        self.issuers = {issuer.url: issuer for issuer in issuers}

    async def authenticate(self, headers: Mapping[str, str], shown: Shown) -> UserInfo | None:
        """See interfaces.Authenticator. Wrong credentials are an error only if no others are valid."""
        refusal: status.StatusError | None = None
        if shown:
            try:
                user = self._authenticate_certificate(headers, shown)
                if user is not None:
                    return user
            except status.StatusError as error:
                refusal = error
        for credential in (find_bearer_token, _find_websocket_token):
            try:
                token = credential(headers)
                if token:
                    return (await self.authenticate_token(token))[0]
            except status.StatusError as error:
                refusal = error
        if refusal is None and shown and self._is_rejected(shown):
            refusal = status.unauthorized()
        if refusal is not None:
            raise refusal
        return None

    def reload_authorities(self) -> None:
        """Reload changed files of authorities."""
        self._certificates.reload_if_changed()
        if self._front_proxy is not None:
            self._front_proxy.reload_if_changed()

    def _authenticate_certificate(self, headers: Mapping[str, str], shown: Shown) -> UserInfo | None:
        refusal: status.StatusError | None = None
        if self._front_proxy is not None:
            try:
                user = self._front_proxy.authenticate(headers, shown)
                if user is not None:
                    return user
            except status.StatusError as error:
                refusal = error
        user = self._certificates.authenticate(shown)
        if user is None and refusal is not None:
            raise refusal
        return user

    def _is_rejected(self, shown: Shown) -> bool:
        """Whether a certificate without a user was rejected by an authenticator."""
        proxies = self._front_proxy
        return self._certificates.is_rejected(shown) or (proxies is not None and not proxies.trusts(shown))

    async def authenticate_token(
        self, token: str, audiences: Sequence[str] | None = None
    ) -> tuple[UserInfo, list[str]]:
        """Return the user of a token and its audiences among the given ones (default: this API server's).

        Static and bootstrap tokens are for this API server only. Raise StatusError 401.
        """
        static = self._static.get(token)
        if static is not None:
            return static, self._check_audiences(audiences)
        if not token.isascii():
            raise status.unauthorized()  # tokens of other kinds have another form
        if self.service_accounts is not None:
            result = await self.service_accounts.authenticate(token, list(audiences or ()) or None)
            if result is not None:
                return result
        user = self._bootstrap.authenticate(token) if self._bootstrap is not None else None
        if user is None and self.issuers:
            issuer = self.issuers.get(find_issuer(token))
            user = None if issuer is None else await issuer.authenticate(token)
        if user is None:
            raise status.unauthorized()
        return user, self._check_audiences(audiences)

    def _check_audiences(self, audiences: Sequence[str] | None) -> list[str]:
        if not audiences:
            return self.audiences
        common = [audience for audience in audiences if audience in self.audiences]
        if not common:
            raise status.unauthorized()
        return common


def find_bearer_token(headers: Mapping[str, str]) -> str:
    """Return the bearer token of the Authorization header, or "". Words behind the token are ignored."""
    scheme, *rest = headers.get("Authorization", "").strip().split(" ", 2)
    return rest[0] if rest and scheme.lower() == "bearer" else ""


def has_spaces_before_token(headers: Mapping[str, str]) -> bool:
    """Whether a bearer token is ignored because of extra spaces before it."""
    value = headers.get("Authorization", "").strip()
    return value[:8].lower() == "bearer  "


def _find_websocket_token(headers: Mapping[str, str]) -> str:
    token = find_token(headers)
    if token:
        remove_token(headers)
    return token


def build(options: Namespace, stores: TokenStores) -> Union:
    """Build the authenticators of the flags."""
    document = configuration.load(options)
    algorithms = options.oidc_signing_algs if options.oidc_given else ALGORITHMS
    issuers = options.service_account_issuer
    issuers = [issuers] if isinstance(issuers, str) else list(issuers)
    key_files = options.service_account_key_file
    key_files = [key_files] if isinstance(key_files, str) else list(key_files)
    signer = (
        TokenSigner(options.service_account_signing_key_file, issuers[0])
        if options.service_account_signing_key_file
        else None
    )
    keys = load_public_keys(key_files) or ([signer.public_key] if signer else [])
    audiences = list(getattr(options, "api_audiences", None) or issuers)
    bootstrap = (
        BootstrapTokenAuthenticator(stores.store("", "secrets").lister)
        if options.enable_bootstrap_token_auth
        else None
    )
    return Union(
        certificates=follow_file(options.client_ca_file),
        front_proxy=FrontProxyAuthenticator(options) if options.requestheader_client_ca_file else None,
        service_accounts=ServiceAccountAuthenticator(keys, issuers, audiences, stores) if keys else None,
        signer=signer,
        static=load_static_tokens(options.token_auth_file),
        bootstrap=bootstrap,
        issuers=[Issuer(entry, algorithms) for entry in document.get("jwt") or ()],
        audiences=audiences,
        takes_nameless=configuration.build_anonymous_rule(options, document)(_NOWHERE),
    )
