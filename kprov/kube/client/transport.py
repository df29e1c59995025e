"""Connections to the API server: TLS, reload of credential files, detection of dead peers."""

import contextlib
import logging
import os
import socket
import ssl
import time
from typing import Final
from urllib.parse import urlsplit

from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.component_base.http11.connection_pool import ConnectionPool
from kprov.kube.component_base.http11.dialing import Origin

log = logging.getLogger(__name__)

# For a connection with its TLS handshake. Short, so that a client leaves an API server that hangs.
CONNECT_TIMEOUT_SECONDS: Final = float(os.environ.get("KPROV_CLIENT_CONNECT_TIMEOUT", "3"))
# A host without power sends no FIN: unanswered probes (4 + 2 * 2 s) or unacknowledged data (8 s) close the
# connection.
_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8000),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)
# Interval of checks for changed credential files. client-go notices them within minutes.
_RELOAD_SECONDS: Final = 10.0


class Transport:
    """Provides connections with the current credentials. Reloads changed files."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._pool: ConnectionPool | None = None
        #: Those with former credentials whose requests have not all ended.
        self._retired: list[ConnectionPool] = []
        self._loaded_times: tuple[int, ...] = ()
        self._checked_at = 0.0
        #: The bearer token of the kubeconfig, "" for none.
        self.token = config.token
        self._is_closed = False

    def pool(self) -> ConnectionPool:
        """Return the current connections. Call it in the event loop.

        ConnectionError: after `close`. OSError, ssl.SSLError: the credentials cannot be read.
        """
        if self._is_closed:
            # A task that outlives the client would open connections that nobody closes.
            raise ConnectionError("the client is closed")
        now = time.monotonic()
        if self._pool is None:
            self._loaded_times = self._modification_times()
            self._checked_at = now
            self._pool = self._new_pool()
        elif now - self._checked_at > _RELOAD_SECONDS:
            self._checked_at = now
            self._reload_if_changed()
        return self._pool

    async def close(self) -> None:
        self._is_closed = True
        pools = [*self._retired, *([self._pool] if self._pool is not None else [])]
        self._pool, self._retired = None, []
        for pool in pools:
            await pool.close()

    def _reload_if_changed(self) -> None:
        stamp = self._modification_times()
        if stamp == self._loaded_times or self._pool is None:
            return
        try:
            fresh = self._new_pool()
        except (OSError, ssl.SSLError) as error:
            # Certificate and key do not match while only one of the two files is written. Retry later.
            log.warning("changed credentials cannot be used yet: %s", error)
            return
        log.info("credentials changed on disk, reconnecting")
        self._loaded_times = stamp
        self._pool.retire()
        self._retired = [pool for pool in (*self._retired, self._pool) if pool.has_connections]
        self._pool = fresh

    def _modification_times(self) -> tuple[int, ...]:
        stamps = []
        for name in self._config.watched_files:
            try:
                stamps.append(os.stat(name).st_mtime_ns)  # noqa: PTH116  the number only
            except OSError:
                stamps.append(0)
        return tuple(stamps)

    def _new_pool(self) -> ConnectionPool:
        config = self._config
        if config.token_file and not config.token:
            with open(config.token_file, encoding="utf-8") as file:
                self.token = file.read().strip()
        url = urlsplit(config.server)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ConnectionError("the server's URL does not begin with http:// or https:// and a host")
        context = _tls_context(config) if url.scheme == "https" else None
        port = url.port or (80 if context is None else 443)
        return ConnectionPool(
            Origin(url.hostname, port, context, config.tls_server_name),
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            options=_SOCKET_OPTIONS,
        )


def _tls_context(config: ClientConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif config.ca_data:
        context.load_verify_locations(cadata=config.ca_data.decode())
    elif config.ca_file:
        context.load_verify_locations(cafile=config.ca_file)
    else:
        context.load_default_certs()
    if config.cert_data or config.cert_file:
        with contextlib.ExitStack() as stack:
            certificate = _write_to_file(stack, config.cert_data, config.cert_file)
            key = _write_to_file(stack, config.key_data, config.key_file)
            context.load_cert_chain(certificate, key)
    return context


def _write_to_file(stack: contextlib.ExitStack, data: bytes, name: str) -> str:
    """OpenSSL reads files only: write inline data to a temporary private file."""
    if not data:
        return name
    # It imports much. Components on hosts have files.
    import tempfile

    file = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115  the stack closes it
    file.write(data)
    file.flush()
    return file.name
