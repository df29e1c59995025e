"""Connections to the API server: TLS, reload of credential files, detection of dead peers."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import tempfile
import time
from typing import Any, Final

import aiohttp

from kprov.kube.client.kubeconfig import ClientConfig

log = logging.getLogger(__name__)

# For a connection with its TLS handshake. Short, so that a client leaves an API server that hangs.
CONNECT_TIMEOUT_SECONDS: Final = float(os.environ.get("KPROV_CLIENT_CONNECT_TIMEOUT", "3"))
# A host without power sends no FIN: unanswered probes (4 + 2 * 2 s) or unacknowledged data (8 s) close the
# connection.
_KEEPALIVE_IDLE: Final = 4
_KEEPALIVE_INTERVAL: Final = 2
_KEEPALIVE_PROBES: Final = 2
_USER_TIMEOUT_MILLISECONDS: Final = 8000
# Interval of checks for changed credential files. client-go notices them within minutes.
_RELOAD_SECONDS: Final = 10.0


class Pool:
    """One aiohttp session. After `retire` it closes with its last request."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._users = 0
        self._retired = False

    async def __aenter__(self) -> aiohttp.ClientSession:
        self._users += 1
        return self.session

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if self._retired and self._users == 0:
            await self.session.close()

    async def retire(self) -> None:
        self._retired = True
        if self._users == 0:
            await self.session.close()


class Transport:
    """Provides the session with the current credentials. Reloads changed files."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._pool: Pool | None = None
        self._loaded_times: tuple[int, ...] = ()
        self._checked_at = 0.0
        #: The bearer token of the kubeconfig, "" for none.
        self.token = config.token
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def pool(self) -> Pool:
        """The current session. Call it in the event loop. ConnectionError: after ``close``."""
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
        if self._pool is not None:
            await self._pool.session.close()
            self._pool = None
        # A task that was cancelled before its first step would leave its session open.
        await asyncio.gather(*self._retiring)

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
        task = asyncio.create_task(self._pool.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        self._pool = fresh

    def _modification_times(self) -> tuple[int, ...]:
        stamps = []
        for name in self._config.watched_files:
            try:
                stamps.append(os.stat(name).st_mtime_ns)  # noqa: PTH116  the number only
            except OSError:
                stamps.append(0)
        return tuple(stamps)

    def _new_pool(self) -> Pool:
        config = self._config
        if config.token_file and not config.token:
            with open(config.token_file, encoding="utf-8") as file:
                self.token = file.read().strip()
        context = _tls_context(config) if config.server.startswith("https:") else True
        connector = aiohttp.TCPConnector(
            ssl=context, limit=0, keepalive_timeout=60, socket_factory=_create_socket, ttl_dns_cache=30
        )
        session = aiohttp.ClientSession(
            connector=connector,
            headers={"Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 18,
            skip_auto_headers=("Accept-Encoding",),
        )
        return Pool(session)


def _create_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, _ = address
    end = socket.socket(family=family, type=kind, proto=protocol)
    end.setblocking(False)
    for option, value in (
        (socket.TCP_NODELAY, 1),
        (socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE),
        (socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL),
        (socket.TCP_KEEPCNT, _KEEPALIVE_PROBES),
        (socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MILLISECONDS),
    ):
        end.setsockopt(socket.IPPROTO_TCP, option, value)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return end


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
    file = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115  the stack closes it
    file.write(data)
    file.flush()
    return file.name
