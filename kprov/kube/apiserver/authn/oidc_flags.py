"""The flags --oidc-*: one issuer of JWTs, in the form of AuthenticationConfiguration.

Source: upstream pkg/kubeapiserver/options/authentication.go.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kprov.kube.apiserver.authn.id_tokens import ALGORITHMS
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.machinery.json_object import JsonObject


def build_document(options: Namespace) -> JsonObject:
    """Build the document of the flags, not validated. Raise ConfigError."""
    url, claim, prefix = options.oidc_issuer_url, options.oidc_username_claim, options.oidc_username_prefix
    if not url or not options.oidc_client_id:
        raise ConfigError(
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
        )
    for algorithm in options.oidc_signing_algs:
        if algorithm not in ALGORITHMS:
            raise ConfigError(f'oidc: unsupported signing alg: "{algorithm}"')
    if not prefix and claim != "email":
        prefix = f"{url}#"
    mappings: JsonObject = {"username": {"claim": claim, "prefix": "" if prefix == "-" else prefix}}
    if options.oidc_groups_claim:
        mappings["groups"] = {"claim": options.oidc_groups_claim, "prefix": options.oidc_groups_prefix}
    issuer: JsonObject = {"url": url, "audiences": [options.oidc_client_id]}
    if options.oidc_ca_file:
        try:
            issuer["certificateAuthority"] = Path(options.oidc_ca_file).read_text()
        except OSError as error:
            raise ConfigError(f"--oidc-ca-file: {options.oidc_ca_file}: {error.strerror}") from error
    rules = [{"claim": name, "requiredValue": value} for name, value in options.oidc_required_claim.items()]
    return {"jwt": [{"issuer": issuer, "claimMappings": mappings, "claimValidationRules": rules}]}
