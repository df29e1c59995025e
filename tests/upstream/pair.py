"""Our API server and upstream's, each over an etcd of its own, and one request to both."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.apiserver.servers import Answer, ApiServer, Connection, running
from tests.upstream import normalise
from tests.upstream.compare import Difference, compare_answers
from tests.upstream.steps import Case, Step, replace_variables

#: The program that ours is compared with: upstream's kube-apiserver of the same minor version.
UPSTREAM: Final = "KPROV_TEST_UPSTREAM_APISERVER"
#: No service account controller runs here, so pods would wait for their account for ever.
_FLAGS: Final = ("--disable-admission-plugins=ServiceAccount",)
_OURS: Final = (sys.executable, "-m", "kprov.kube.apiserver")
_AGENT: Final = "compare/1 (linux/amd64)"
_UNTIL_SECONDS: Final = 10.0
_SECONDS: Final = 60.0


class Side:
    """One server, with a connection that stays open and the variables that its answers gave."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._connection = Connection(server.port, server.context(), _SECONDS)

    def close(self) -> None:
        self._connection.close()

    def send(self, step: Step, variables: dict[str, str]) -> Answer:
        """Repeated while `step.until` asks for another status."""
        end = time.monotonic() + _UNTIL_SECONDS
        while True:
            found = self._send(step, variables)
            if step.until in {0, found.status} or time.monotonic() > end:
                break
            time.sleep(0.1)
        for name, path in step.save.items():
            with contextlib.suppress(KeyError, IndexError, TypeError, ValueError):
                variables[name] = str(_look_up(found.json, path))
        return found

    def _send(self, step: Step, variables: Mapping[str, str]) -> Answer:
        headers = {"User-Agent": _AGENT, **replace_variables(dict(step.headers), variables)}
        token = _token(replace_variables(step.user, variables))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = replace_variables(step.body, variables)
        data = None if body is None else body.encode() if isinstance(body, str) else _encode(body)
        if data is not None:
            headers.setdefault("Content-Type", step.content_type)
        target = replace_variables(step.target, variables)
        if step.certificate is not None:
            return self._send_with_certificate(step, target, data, headers)
        try:
            return _exchange(self._connection, step.method, target, data, headers)
        except (http.client.HTTPException, OSError):
            self._connection.close()
            return _exchange(self._connection, step.method, target, data, headers)

    def _send_with_certificate(
        self, step: Step, target: str, data: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        assert step.certificate is not None
        pair = self.server.authority.issue(
            "client", step.certificate["name"], step.certificate.get("groups", ())
        )
        connection = Connection(self.server.port, self.server.context(pair), _SECONDS)
        try:
            return _exchange(connection, step.method, target, data, headers)
        finally:
            connection.close()


class Pair:
    """Both servers. `run` sends a case to both and returns what differs."""

    def __init__(self, upstream: ApiServer, kprov: ApiServer) -> None:
        self._sides = Side(upstream), Side(kprov)
        self._pool = ThreadPoolExecutor(2)

    def close(self) -> None:
        for side in self._sides:
            side.close()
        self._pool.shutdown()

    def run(self, case: Case) -> list[Difference]:
        namespace = "c-" + case.name.replace("_", "-")
        variables = [{"ns": namespace, "port": str(side.server.port)} for side in self._sides]
        opening = Step("namespace", "POST /api/v1/namespaces", {"metadata": {"name": namespace}})
        found: list[Difference] = []
        for number, step in enumerate((opening, *case.steps)):
            for each in variables:
                each["n"] = str(number)
            upstream, kprov = self._pool.map(_send, self._sides, (step, step), variables)
            if step.until not in {0, upstream.status}:
                found.append(Difference(case.name, step.name, "until", upstream.status, kprov.status))
            found += compare_answers(
                case.name, step.name, normalise.answer(upstream), normalise.answer(kprov), step.only
            )
        return found


def _send(side: Side, step: Step, variables: dict[str, str]) -> Answer:
    return side.send(step, variables)


@contextlib.contextmanager
def started_pair(folder: Path, flags: Sequence[str] = ()) -> Iterator[Pair]:
    """Both servers with the same flags."""
    program = tuple(os.environ[UPSTREAM].split())
    more = flags if any("admission-plugins" in flag for flag in flags) else (*_FLAGS, *flags)
    with contextlib.ExitStack() as stack:
        servers = []
        for name, command in (("upstream", program), ("kprov", _OURS)):
            (folder / name).mkdir(parents=True)
            servers.append(stack.enter_context(running(folder / name, *more, program=command))[1])
        pair = Pair(*servers)
        stack.callback(pair.close)
        yield pair


def _exchange(
    connection: Connection, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
) -> Answer:
    connection.request(method, target, body=data, headers=dict(headers))
    answer = connection.getresponse()
    warnings = tuple(answer.headers.get_all("Warning") or ())
    return Answer(answer.status, dict(answer.getheaders()), answer.read(), warnings)


def _encode(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _token(user: str) -> str:
    """Users of the token file by name; any other text is a token itself."""
    if user == "anonymous":
        return ""
    return f"{user}-token" if user in {"admin", "alice", "bob", "node"} else user


def _look_up(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document
