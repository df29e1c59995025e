"""etcd and API servers as processes, and a plain client for them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from tests.apiserver.etcd_program import etcd
from tests.certificates import Issuer

#: Tokens of the static token file: token, user, uid, groups.
TOKENS = """admin-token,admin,u-admin,"system:masters"
alice-token,alice,u-alice,"developers,testers"
bob-token,bob,u-bob
node-token,system:node:n1,u-node,"system:nodes"
manager-token,system:kube-controller-manager,u-manager
"""
#: The kernel ends what is started so when the tests end, however that is.
WITH_US: Final = ("setpriv", "--pdeathsig", "KILL", "--")
#: The server that is tested; another one, such as upstream's, shows which tests ask for more than it does.
TESTED: Final = "KPROV_TEST_APISERVER"
_PROGRAM = tuple(os.environ.get(TESTED, f"{sys.executable} -m kprov.kube.apiserver").split())
_START_SECONDS = 45.0
#: etcd's limits are 128 operations and 1.5 MiB for a transaction.
_PUTS_AT_ONCE = 100
_PUT_BYTES = 400_000
_GIVEN: set[int] = set()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `json` of its body."""

    status: int
    #: The last of each name.
    headers: Mapping[str, str]
    body: bytes
    #: All Warning headers, in their order.
    warnings: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    """None that was given before: its server may not listen yet."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port not in _GIVEN:
            _GIVEN.add(port)
            return port


class Authority(Issuer):
    """A certificate authority and what it issues, as files in a folder."""

    def __init__(self, folder: Path, name: str, **more: Any) -> None:
        """more: see Issuer."""
        super().__init__(name, **more)
        self._folder = folder
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, name: str, groups: Sequence[str] = (), **more: Any) -> tuple[Path, Path]:
        """Files of a certificate and its key. more: days, begins, serves (a serving certificate for 127.0.0.1)."""
        return self.issue_along((), file, name, groups, **more)

    def issue_along(
        self, others: Sequence[Issuer], file: str, name: str, groups: Sequence[str] = (), **more: Any
    ) -> tuple[Path, Path]:
        """As `issue`, with the authorities that a client shows along."""
        made, key = self.issued(name, groups, **more)
        paths = self._folder / f"{file}.crt", self._folder / f"{file}.key"
        shown = [made, *(other.certificate for other in others)]
        paths[0].write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in shown))
        paths[1].write_bytes(pem(key))
        return paths


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


class Keys:
    """What stands in an etcd. `url`: of a member, or of several with commas between them."""

    def __init__(self, url: str, tls: TlsFiles) -> None:
        self.url = url
        self._tls = tls

    def value(self, key: str) -> bytes:
        """What stands there; empty when nothing does."""
        found = self._do(lambda storage: storage.get(key))
        return b"" if found is None else bytes(found.value)

    def put(self, key: str, value: bytes) -> None:
        """Write a key that is not there."""
        self._do(lambda storage: storage.create(key, value))

    def put_all(self, values: Mapping[str, bytes]) -> None:
        """Write many keys, a hundred at once or about a megabyte of them."""

        async def work() -> None:
            client = Client(self.url.split(","), self._tls)
            try:
                request, size = pb.TxnRequest(), 0
                for key, value in values.items():
                    put = request.success.add().request_put
                    put.key, put.value = key.encode(), value
                    size += len(value)
                    if len(request.success) == _PUTS_AT_ONCE or size > _PUT_BYTES:
                        await client.call("txn", request)
                        request, size = pb.TxnRequest(), 0
                if size:
                    await client.call("txn", request)
            finally:
                await client.close()

        asyncio.run(work())

    def delete(self, key: str) -> None:
        found = self._do(lambda storage: storage.get(key))
        self._do(lambda storage: storage.delete(key, expected=found.revision))

    def list_keys(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        page = self._do(lambda storage: storage.list(prefix))
        return [item.key for item in page.items]

    def _do(self, work: Callable[[Etcd3], Awaitable[Any]]) -> Any:
        async def done() -> Any:
            storage = Etcd3(Client(self.url.split(","), self._tls))
            try:
                return await work(storage)
            finally:
                await storage.close()

        return asyncio.run(done())


class Etcd(Keys):
    """One member, its data in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"http://127.0.0.1:{free_port()}", TlsFiles())
        peer = f"http://127.0.0.1:{free_port()}"
        self._log = (folder / "etcd.log").open("wb")
        self._process = subprocess.Popen(
            [
                *WITH_US, str(etcd()), "--data-dir", str(folder / "etcd"), "--listen-client-urls", self.url,
                "--advertise-client-urls", self.url, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
            ],
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"ETCD_UNSUPPORTED_ARCH": "arm64"},
        )  # fmt: skip

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


class Connection(http.client.HTTPSConnection):
    """One whose socket is closed by `close` also when the server died before the handshake: ssl loses a socket that
    it is given connected, and has to take into its hands, when that is reset in this moment."""

    def __init__(self, port: int, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout, context=context)
        self._tls = context

    def connect(self) -> None:
        self.sock = self._tls.wrap_socket(socket.socket(), server_hostname=self.host)
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class ApiServer:
    """A process of `python -m kprov.kube.apiserver` (or another program), ready after `start`."""

    def __init__(self, folder: Path, etcd: Keys, *flags: str, program: Sequence[str] = ()) -> None:
        self.folder = folder
        self.etcd = etcd
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.authority = Authority(folder, "ca")
        certificate, key = self.authority.issue("serving", "kube-apiserver", serves=True)
        self._admin = self.authority.issue("admin", "admin", ["system:masters"])
        (folder / "tokens.csv").write_text(TOKENS)
        service_key = folder / "sa.key"
        if not service_key.exists():
            service_key.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
        self.command = [
            *(program or _PROGRAM),
            f"--etcd-servers={etcd.url}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=192.0.2.1",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self.authority.file}",
            f"--service-account-key-file={service_key}",
            f"--service-account-signing-key-file={service_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/24",
            *flags,
        ]
        if not any("--authorization-" in flag for flag in flags):
            self.command.append("--authorization-mode=Node,RBAC")
        if not any("--token-auth-file" in flag for flag in flags):
            self.command.append(f"--token-auth-file={folder / 'tokens.csv'}")
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def start(self, *, ready: str = "/readyz") -> ApiServer:
        self.begin()
        return self.wait(ready)

    def begin(self) -> None:
        """Start it. It ends with the thread that calls this."""
        with (self.folder / "apiserver.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*WITH_US, *self.command], stdout=log, stderr=log, env=os.environ | self.environment
            )

    def wait(self, ready: str = "/readyz") -> ApiServer:
        """Return once it is ready."""
        assert self._process is not None
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"the API server ended: {self.log()[-2000:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get(ready).status == 200:
                    return self
            time.sleep(0.1)
        unready = self.get(f"{ready}?verbose").body.decode()
        self.stop()
        raise TimeoutError(f"{unready}\n{self.log()[-2000:]}")

    def refused(self) -> str:
        """What a server says that does not start."""
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        return done.stdout + done.stderr

    @property
    def process(self) -> int:
        """The process's number; it has to be running."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def helpers(self) -> list[int]:
        """Processes that the first one has begun, by number."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children")
        return [int(number) for number in children.read_text().split()]

    def kill(self) -> None:
        """All its processes at once, as when their host is gone; `start` begins anew."""
        assert self._process is not None
        for number in (self.process, *self.helpers()):
            os.kill(number, signal.SIGKILL)
        self._process.wait(30)

    def log(self) -> str:
        return (self.folder / "apiserver.log").read_text(errors="replace")

    def context(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin-token",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        certificate: tuple[Path, Path] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One request on a connection of its own. token None: none."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if token is not None:
            pairs.append(("Authorization", f"Bearer {token}"))
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            pairs.append(("Content-Type", content_type))
        connection = Connection(self.port, self.context(certificate), 30)
        try:
            codes = any(name.lower() == "accept-encoding" for name, _ in pairs)
            connection.putrequest(method, path, skip_accept_encoding=codes)
            for name, value in pairs:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            warnings = tuple(answer.headers.get_all("Warning") or ())
            return Answer(answer.status, dict(answer.getheaders()), answer.read(), warnings)
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Answer:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        return self.ask("POST", path, body, **more)


@contextlib.contextmanager
def running(folder: Path, *flags: str, program: Sequence[str] = ()) -> Iterator[tuple[Etcd, ApiServer]]:
    """An etcd of its own and one API server over it."""
    etcd = Etcd(folder)
    try:
        server = ApiServer(folder, etcd, *flags, program=program)
        try:
            yield etcd, server.start()
        finally:
            server.stop()
    finally:
        etcd.stop()


@contextlib.contextmanager
def several(folder: Path, count: int, *flags: str) -> Iterator[tuple[Etcd, list[ApiServer]]]:
    """An etcd of its own and that many API servers over it."""
    with contextlib.ExitStack() as stack:
        etcd = Etcd(folder)
        stack.callback(etcd.stop)
        yield (
            etcd,
            [
                stack.enter_context(another(folder / f"server{number}", etcd, *flags))
                for number in range(count)
            ],
        )


@contextlib.contextmanager
def another(folder: Path, etcd: Keys, *flags: str) -> Iterator[ApiServer]:
    """One more API server over that etcd."""
    folder.mkdir()
    server = ApiServer(folder, etcd, *flags)
    try:
        yield server.start()
    finally:
        server.stop()
