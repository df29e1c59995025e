"""TLS of the server, with a certificate that may be renewed while the server runs."""

import logging
import ssl

from kprov.kube.component_base.http11.handshake import Context
from kprov.kube.component_base.serving_certificate import ServingCertificate
from kprov.kube.component_base.tls_options import set_cipher_suites, set_minimum_version
from kprov.kube.kubelet.config.configuration import KubeletConfiguration

log = logging.getLogger(__name__)


def make_context(config: KubeletConfiguration) -> tuple[ssl.SSLContext, ServingCertificate] | None:
    """Return the context and its certificate; None without a certificate: plain HTTP.

    Raise OSError if a file cannot be read.
    """
    if not config.tls_cert_file:
        log.warning("no tlsCertFile: the server speaks plain HTTP")
        return None
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    set_minimum_version(context, config.tls_min_version, "tlsMinVersion")
    if config.tls_cipher_suites:
        set_cipher_suites(context, config.tls_cipher_suites, "tlsCipherSuites")
    certificate = ServingCertificate(context, config.tls_cert_file, config.tls_private_key_file)
    if config.client_ca_file:
        context.load_verify_locations(config.client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context, certificate
