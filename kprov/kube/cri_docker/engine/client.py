"""Requests to Docker Engine (API versions 1.40 and later; source: docs.docker.com/reference/api/engine)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from kprov.kube.component_base.http11.client import FAILURES as CLIENT_FAILURES
from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.http11.connection_pool import FAILURES, ConnectionPool, Response
from kprov.kube.component_base.http11.dialing import Origin
from kprov.kube.cri_docker.engine.errors import EngineError, EngineUnavailableError, read_error

#: The newest version that this client knows. An older engine gets its own.
_NEWEST: Final = (1, 47)
_CONNECT_SECONDS: Final = 5.0
_VERSION: Final = re.compile(r"([0-9]+)\.([0-9]+)")
#: A JSON object, as Docker writes it: names in capitals.
Json = dict[str, Any]
Parameters = Mapping[str, str | int | bool | Mapping[str, list[str]]]


class Engine:
    """One engine. Methods raise EngineError and EngineUnavailableError."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._pool = ConnectionPool(
            Origin("docker", 80, socket_path=socket_path), connect_seconds=_CONNECT_SECONDS
        )
        self._version: tuple[int, int] | None = None

    async def close(self) -> None:
        """Close all connections. Their requests fail."""
        await self._pool.close()

    async def get_api_version(self) -> tuple[int, int]:
        """Return the version that requests use: the newest that both sides know."""
        if self._version is None:
            async with self._send("GET", "/version") as response:
                document = orjson.loads(await response.read())
            matched = _VERSION.fullmatch(str(document.get("ApiVersion")))
            if matched is None:
                raise EngineUnavailableError(f"the engine has no API version: {document!r:.200}")
            self._version = min(_NEWEST, (int(matched[1]), int(matched[2])))
        return self._version

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return the decoded response. path: with quoted parts, such as "/containers/json"."""
        return await self._call("GET", path, parameters)

    async def post(self, path: str, body: Json | None = None, **parameters: Any) -> Any:
        """Return the decoded response, None if it is empty. body: None for no body."""
        return await self._call("POST", path, parameters, body)

    async def delete(self, path: str, **parameters: Any) -> None:
        """Send DELETE."""
        await self._call("DELETE", path, parameters)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the pieces of a response as they arrive. It may have no end."""
        async with self._request(method, path, parameters, body, headers) as response:
            yield _guard(response.iter_body())

    async def hijack(self, path: str, body: Json | None = None, **parameters: Any) -> ClientConnection:
        """Return a connection whose reader and writer carry the input and output of a process.

        The caller closes it.
        """
        major, minor = await self.get_api_version()
        target = f"/v{major}.{minor}{path}{_encode_parameters(parameters)}"
        # Bytes that an attachment does not expect would be the first ones of its input.
        data = b"" if body is None else orjson.dumps(body)
        headers = [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json")]
        headers.append(("Content-Length", str(len(data))))

        async def send() -> AsyncIterator[bytes]:
            if data:
                yield data

        try:
            connection = await ClientConnection.open_socket(self._socket_path)
            head = await connection.request("POST", target, "docker", headers, send())
        except CLIENT_FAILURES as error:
            raise EngineUnavailableError(f"cannot connect to Docker Engine: {error}") from error
        if head.status != 101:
            text = await connection.read_error_body(head)
            connection.close()
            raise read_error(head.status, text)
        return connection

    async def _call(self, method: str, path: str, parameters: Parameters, body: Json | None = None) -> Any:
        async with self._request(method, path, parameters, body) as response:
            try:
                content = await response.read()
                return orjson.loads(content) if content else None
            except (*FAILURES, orjson.JSONDecodeError) as error:
                raise EngineUnavailableError(f"{method} {path}: {error}") from error

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        parameters: Parameters,
        body: Json | None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Response]:
        major, minor = await self.get_api_version()
        target = f"/v{major}.{minor}{path}{_encode_parameters(parameters)}"
        async with self._send(method, target, body, headers) as response:
            yield response

    @contextlib.asynccontextmanager
    async def _send(
        self, method: str, target: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Response]:
        fields = {"Host": "docker", **(headers or {})}
        data = None if body is None else orjson.dumps(body)
        if data is not None:
            fields["Content-Type"] = "application/json"
        try:
            response = await self._pool.request(method, target, fields, data)
            if response.status >= 400:
                async with response:
                    raise read_error(response.status, await response.read())
        except FAILURES as error:
            # It may come back as another version.
            self._version = None
            raise EngineUnavailableError(f"cannot connect to Docker Engine: {error}") from error
        async with response:
            yield response


async def _guard(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except FAILURES as error:
        raise EngineUnavailableError(f"the response broke: {error}") from error


def quote_name(name: str) -> str:
    """Return a name or an image's reference as a part of a path, with its slashes."""
    return quote(name, safe="/:@")


def _encode_parameters(parameters: Parameters) -> str:
    """Return the query. Mappings are JSON, switches 1 and 0."""
    pairs = []
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            text = orjson.dumps(value).decode()
        else:
            text = str(int(value)) if isinstance(value, bool) else str(value)
        pairs.append((name.replace("_", "-"), text))
    return f"?{urlencode(pairs)}" if pairs else ""


async def is_gone(engine: Engine, path: str, **parameters: Any) -> bool:
    """Delete something. True: it did not exist. EngineError: another refusal."""
    try:
        await engine.delete(path, **parameters)
    except EngineError as error:
        if error.status != 404:
            raise
        return True
    return False
