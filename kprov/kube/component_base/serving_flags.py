"""The flags of a component's own port, as upstream's kube-controller-manager and kube-scheduler have them."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from kprov.kube.component_base import tls_options
from kprov.kube.component_base.options import FlagSet
from kprov.kube.component_base.serving import Authorize, HealthServer

_OPEN_PATHS: Final = ("/healthz", "/readyz", "/livez")


def add_serving_flags(flags: FlagSet, port: int) -> None:
    """port: the default of --secure-port."""
    flags.string("authentication-kubeconfig", "", "accepted: bearer tokens are reviewed with --kubeconfig")
    flags.string("authorization-kubeconfig", "", "accepted: access is reviewed with --kubeconfig")
    flags.string("bind-address", "0.0.0.0", "address of the secure port")
    flags.integer("secure-port", port, "port for health and metrics, 0 for none")
    flags.string("tls-cert-file", "", "certificate of the secure port; empty: one is made")
    flags.string("tls-private-key-file", "", "its key")
    flags.string("tls-min-version", "", "VersionTLS12 (the default) or VersionTLS13")
    flags.string_list("tls-cipher-suites", [], "suites of TLS 1.2 by Go's names; default: all of them")
    flags.string_list(
        "authorization-always-allow-paths",
        list(_OPEN_PATHS),
        "paths that need no authorization, with * at the end for all below; health checks never need it",
    )
    flags.string("client-ca-file", "", "authority of client certificates")
    flags.string("logging-format", "text", "only text")


def find_serving_problem(options: Namespace) -> str | None:
    """Return the first of these flags with a wrong value."""
    if options.logging_format != "text":
        return f'--logging-format: unsupported format "{options.logging_format}", only "text" is known'
    try:
        tls_options.make_server_context(options.tls_min_version, options.tls_cipher_suites)
    except ValueError as error:
        return str(error)
    return None


def make_health_server(options: Namespace, authorize: Authorize) -> HealthServer:
    """Return the server of --secure-port."""
    return HealthServer(
        address=options.bind_address,
        port=options.secure_port,
        tls_cert_file=options.tls_cert_file,
        tls_private_key_file=options.tls_private_key_file,
        client_ca_file=options.client_ca_file,
        tls_min_version=options.tls_min_version,
        tls_cipher_suites=options.tls_cipher_suites,
        self_signed=True,
        authorize=authorize,
    )
