"""A scheduler extender for tests. Pods say in their labels what it does with them."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.servers import ApiServer, Authority

#: Only pods that request these are sent to the extender: with names of nodes, and with whole nodes.
MANAGED: Final = "example.com/managed"
WHOLE: Final = "example.com/whole"
#: The same over TLS. The scheduler shows a certificate.
SECURE: Final = "example.com/secure"


@dataclass
class ExtenderServer:
    """`calls`: the verb, the name of the pod, and the request. `server`: where it binds pods.

    `clients`: the common names of the certificates that clients showed.
    """

    port: int = 0
    secure_port: int = 0
    tls: JsonObject = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)
    server: ApiServer | None = None
    calls: list[tuple[str, str, JsonObject]] = field(default_factory=list)

    @property
    def configuration(self) -> list[JsonObject]:
        """Of the scheduler. One of the extenders does not exist."""
        url = f"http://127.0.0.1:{self.port}"
        verbs = {"filterVerb": "filter", "prioritizeVerb": "prioritize", "weight": 100}
        return [
            {"urlPrefix": "http://127.0.0.1:9", "filterVerb": "filter", "ignorable": True}
            | {"managedResources": [{"name": "example.com/nobody", "ignoredByScheduler": True}]},
            {
                "urlPrefix": f"{url}/names",
                "nodeCacheCapable": True,
                "bindVerb": "bind",
                "preemptVerb": "preempt",
            }
            | verbs
            | {"managedResources": [{"name": MANAGED, "ignoredByScheduler": True}], "httpTimeout": "30s"},
            {"urlPrefix": f"{url}/whole"}
            | verbs
            | {"managedResources": [{"name": WHOLE, "ignoredByScheduler": True}]},
            {"urlPrefix": f"https://127.0.0.1:{self.secure_port}", "nodeCacheCapable": True}
            | verbs
            | {"enableHTTPS": True, "tlsConfig": self.tls}
            | {"managedResources": [{"name": SECURE, "ignoredByScheduler": True}]},
        ]

    def list_calls(self, verb: str, pod: str) -> list[JsonObject]:
        return [body for each, name, body in self.calls if (each, name) == (verb, pod)]

    def answer(self, verb: str, body: JsonObject) -> Any:
        name = body["PodName"] if verb == "bind" else body["Pod"]["metadata"]["name"]
        self.calls.append((verb, name, body))
        if verb == "bind":
            return self._bind(body)
        labels = body["Pod"]["metadata"].get("labels", {})
        if verb == "preempt":
            victims = body["NodeNameToMetaVictims"]
            return {"NodeNameToMetaVictims": {labels["only"]: victims[labels["only"]]}}
        whole = (body.get("Nodes") or {}).get("items")
        names = [node["metadata"]["name"] for node in whole] if whole else body["NodeNames"]
        if verb == "prioritize":
            return [{"Host": each, "Score": 10 if each == labels.get("prefer") else 0} for each in names]
        kept = [each for each in names if each == labels.get("only", each) and "nowhere" not in labels]
        failed = {each: "the extender says no" for each in names if each not in kept}
        if whole:
            nodes = {"items": [node for node in whole if node["metadata"]["name"] in kept]}
            return {"Nodes": nodes, "FailedNodes": failed}
        return {"NodeNames": kept, "FailedNodes": failed}

    def _bind(self, body: JsonObject) -> JsonObject:
        assert self.server is not None
        meta = {"name": body["PodName"], "namespace": body["PodNamespace"], "uid": body["PodUID"]}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding"
        target = {"apiVersion": "v1", "kind": "Node", "name": body["Node"]}
        answer = self.server.post(path, {"metadata": meta, "target": target})
        return {"Error": "" if answer.status == 201 else f"code {answer.status}"}


@contextmanager
def extender_server(folder: Path) -> Iterator[ExtenderServer]:
    """folder: for certificates."""
    extender = ExtenderServer()
    authority = Authority(folder, "extenders")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*authority.issue("extender", "extender", serves=True))
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = authority.issue("scheduler", "kube-scheduler")
    extender.tls = {"caFile": str(authority.file), "certFile": str(certificate), "keyFile": str(key)}
    with _serve(extender, None) as extender.port, _serve(extender, context) as extender.secure_port:
        yield extender


@contextmanager
def _serve(extender: ExtenderServer, context: ssl.SSLContext | None) -> Iterator[int]:
    """The port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if isinstance(self.connection, ssl.SSLSocket):
                subject: Any = (self.connection.getpeercert() or {}).get("subject", ())
                extender.clients |= {value for part in subject for key, value in part if key == "commonName"}
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(extender.answer(self.path.rsplit("/", 1)[1], body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
