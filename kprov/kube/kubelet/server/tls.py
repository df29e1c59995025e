"""TLS of the server, with a certificate that may be renewed while the server runs."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

from kprov.kube.component_base.tls_options import set_cipher_suites, set_minimum_version
from kprov.kube.kubelet.config.configuration import KubeletConfiguration

log = logging.getLogger(__name__)

_RELOAD_SECONDS: Final = 60.0


def make_context(config: KubeletConfiguration) -> ssl.SSLContext | None:
    """None without a certificate: plain HTTP. OSError: a file cannot be read."""
    if not config.tls_cert_file:
        log.warning("no tlsCertFile: the server speaks plain HTTP")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    set_minimum_version(context, config.tls_min_version, "tlsMinVersion")
    if config.tls_cipher_suites:
        set_cipher_suites(context, config.tls_cipher_suites, "tlsCipherSuites")
    context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
    if config.client_ca_file:
        context.load_verify_locations(config.client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


async def reload_certificate(context: ssl.SSLContext, config: KubeletConfiguration) -> None:
    """Give new connections a renewed certificate. Runs until cancelled."""
    files = [Path(config.tls_cert_file), Path(config.tls_private_key_file)]
    loaded = [file.stat().st_mtime_ns for file in files]
    while True:
        await asyncio.sleep(_RELOAD_SECONDS)
        try:
            times = [file.stat().st_mtime_ns for file in files]
            if times != loaded:
                context.load_cert_chain(files[0], files[1])
                loaded = times
        except (OSError, ssl.SSLError) as error:
            log.warning("loading the renewed certificate, trying again: %s", error)
