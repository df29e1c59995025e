"""--authentication-config: AuthenticationConfiguration with the rules for anonymous requests and JWT issuers.

Fields with CEL expressions are rejected. Source of the rules:
apiserver/pkg/apis/apiserver/validation/validation.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from kprov.kube.apiserver import configuration
from kprov.kube.apiserver.authn import oidc_flags
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_MAPPING: Final = {"claim": str, "prefix": str, "expression": str}
_JWT: Final = {
    "issuer": {
        "url": str,
        "discoveryURL": str,
        "certificateAuthority": str,
        "audiences": [str],
        "audienceMatchPolicy": str,
        "egressSelectorType": str,
    },
    "claimValidationRules": [{"claim": str, "requiredValue": str, "expression": str, "message": str}],
    "claimMappings": {
        "username": _MAPPING,
        "groups": _MAPPING,
        "uid": {"claim": str, "expression": str},
        "extra": [{"key": str, "valueExpression": str}],
    },
    "userValidationRules": [{"expression": str, "message": str}],
}
FILE: Final = configuration.ConfigFile(
    flag="authentication-config",
    kind="AuthenticationConfiguration",
    versions=(
        "apiserver.config.k8s.io/v1",
        "apiserver.config.k8s.io/v1beta1",
        "apiserver.config.k8s.io/v1alpha1",
    ),
    shape={"jwt": [_JWT], "anonymous": {"enabled": bool, "conditions": [{"path": str}]}},
)
_MOST: Final = 64
_NO_CEL: Final = "CEL expressions are not supported by this server; use claim"


def load(options: Namespace) -> JsonObject:
    """Return the document of the file, or of the flags --oidc-* without one. Raise ConfigError."""
    path = options.authentication_config
    if options.oidc_given and path:
        raise ConfigError("authentication-config file and oidc-* flags are mutually exclusive")
    if not path:
        document = oidc_flags.build_document(options) if options.oidc_given else {}
        told = [
            f"{error.field}: {error.detail}" for error in validate(document, options.service_account_issuer)
        ]
        if told:
            raise ConfigError(f"invalid authentication configuration: {'; '.join(told)}")
        return document
    document = configuration.load(FILE, path)
    configuration.raise_errors(FILE, path, validate(document, options.service_account_issuer))
    if document.get("anonymous") is not None and options.anonymous_auth_given:
        raise ConfigError(
            "--anonymous-auth flag cannot be set when anonymous field is configured in authentication "
            "configuration file"
        )
    return document


def build_anonymous_rule(options: Namespace, document: JsonObject) -> Callable[[RequestInfo], bool]:
    """Return the rule whether a request without credentials is one of system:anonymous."""
    if "AlwaysAllow" in options.authorization_mode:
        # As upstream: with AlwaysAllow, anonymous users could do everything.
        return lambda _: False
    config = document.get("anonymous")
    if config is None:
        allowed = bool(options.anonymous_auth)
        return lambda _: allowed
    paths = frozenset(condition.get("path", "") for condition in config.get("conditions") or ())
    if not config.get("enabled") or not paths:
        enabled = bool(config.get("enabled"))
        return lambda _: enabled
    return lambda info: info.path in paths


def validate(document: JsonObject, own_issuers: Sequence[str]) -> Iterable[FieldError]:
    """Yield the errors of all fields. own_issuers: the issuers of service account tokens."""
    issuers = document.get("jwt") or []
    if len(issuers) > _MOST:
        yield field.too_many("jwt", len(issuers), _MOST)
        return
    urls: set[str] = set()
    discoveries: set[str] = set()
    for index, entry in enumerate(issuers):
        at = f"jwt[{index}]"
        issuer = entry.get("issuer") or {}
        yield from _check_issuer(issuer, f"{at}.issuer", own_issuers)
        yield from _check_claim_rules(entry.get("claimValidationRules") or [], f"{at}.claimValidationRules")
        yield from _check_mappings(entry.get("claimMappings") or {}, f"{at}.claimMappings")
        for number, rule in enumerate(entry.get("userValidationRules") or []):
            yield field.forbidden(f"{at}.userValidationRules[{number}].expression", _NO_CEL + "s")
            del rule
        for name, seen in (("url", urls), ("discoveryURL", discoveries)):
            value = issuer.get(name) or ""
            if value and value in seen:
                yield field.duplicate(f"{at}.issuer.{name}", value)
            seen.add(value)
    config = document.get("anonymous")
    if config is not None and not config.get("enabled") and config.get("conditions"):
        text = "enabled should be set to true when conditions are defined"
        yield field.invalid("anonymous.conditions", config["conditions"], text)


def _check_issuer(issuer: JsonObject, at: str, own: Sequence[str]) -> Iterable[FieldError]:
    url, discovery = issuer.get("url") or "", issuer.get("discoveryURL") or ""
    if not url:
        yield field.required(f"{at}.url")
    else:
        if url in own:
            text = f"URL must not overlap with disallowed issuers: [{' '.join(sorted(own))}]"
            yield field.invalid(f"{at}.url", url, text)
        yield from _check_url(url, f"{at}.url")
    if discovery:
        if discovery.rstrip("/") == url.rstrip("/"):
            yield field.invalid(f"{at}.discoveryURL", discovery, "discoveryURL must be different from URL")
        yield from _check_url(discovery, f"{at}.discoveryURL")
    yield from _check_audiences(issuer.get("audiences") or [], issuer.get("audienceMatchPolicy") or "", at)
    if issuer.get("certificateAuthority") and not _is_pem(issuer["certificateAuthority"]):
        text = "data does not contain any valid RSA or ECDSA certificates"
        yield field.invalid(f"{at}.certificateAuthority", "<omitted>", text)
    if issuer.get("egressSelectorType"):
        yield field.forbidden(f"{at}.egressSelectorType", "egress selectors are not supported by this server")


def _check_audiences(audiences: Sequence[str], policy: str, at: str) -> Iterable[FieldError]:
    if not audiences:
        yield field.required(f"{at}.audiences", f"at least one {at}.audiences is required")
    for index, audience in enumerate(audiences):
        if not audience:
            yield field.required(f"{at}.audiences[{index}]")
        elif audience in audiences[:index]:
            yield field.duplicate(f"{at}.audiences[{index}]", audience)
    if len(audiences) > 1 and policy != "MatchAny":
        text = "audienceMatchPolicy must be MatchAny for multiple audiences"
        yield field.invalid(f"{at}.audienceMatchPolicy", policy, text)
    elif policy not in {"", "MatchAny"}:
        text = "audienceMatchPolicy must be empty or MatchAny for single audience"
        yield field.invalid(f"{at}.audienceMatchPolicy", policy, text)


def _check_url(text: str, at: str) -> Iterable[FieldError]:
    try:
        url = urlsplit(text)
    except ValueError as error:
        yield field.invalid(at, text, str(error))
        return
    if url.scheme != "https":
        yield field.invalid(at, text, "URL scheme must be https")
    if url.username or url.password:
        yield field.invalid(at, text, "URL must not contain a username or password")
    if url.query:
        yield field.invalid(at, text, "URL must not contain a query")
    if url.fragment:
        yield field.invalid(at, text, "URL must not contain a fragment")


def _is_pem(text: str) -> bool:
    from cryptography import x509

    try:
        return bool(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False


def _check_claim_rules(rules: Sequence[JsonObject], at: str) -> Iterable[FieldError]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        place, claim = f"{at}[{index}]", rule.get("claim") or ""
        if rule.get("expression"):
            yield field.forbidden(f"{place}.expression", f"{_NO_CEL} and requiredValue")
        elif not claim:
            yield field.required(place, "claim or expression is required")
        else:
            if rule.get("message"):
                yield field.invalid(
                    f"{place}.message", rule["message"], "may not be specified when claim is set"
                )
            if claim in seen:
                yield field.duplicate(f"{place}.claim", claim)
            seen.add(claim)


def _check_mappings(mappings: JsonObject, at: str) -> Iterable[FieldError]:
    for name in ("username", "groups"):
        mapping = mappings.get(name) or {}
        if mapping.get("expression"):
            yield field.forbidden(f"{at}.{name}.expression", f"{_NO_CEL} and prefix")
        elif not mapping.get("claim"):
            if name == "username":
                yield field.required(f"{at}.{name}", "claim or expression is required")
        elif mapping.get("prefix") is None:
            text = (
                "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
            )
            yield field.required(f"{at}.{name}.prefix", text)
    if (mappings.get("uid") or {}).get("expression"):
        yield field.forbidden(f"{at}.uid.expression", _NO_CEL)
    for index, extra in enumerate(mappings.get("extra") or []):
        del extra
        yield field.forbidden(
            f"{at}.extra[{index}].valueExpression", "CEL expressions are not supported by this server"
        )
