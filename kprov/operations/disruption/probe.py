"""Uses the API all the time and records the longest gap; runs on a host of the cluster, as a systemd unit.

Standard library only, Python 3.9+: kprov sends this file to the host. Arguments: server (HOST:PORT),
kubeconfig, name of a ConfigMap in kube-system that it writes, and the file of its results. It ends with
SIGTERM.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.client
import json
import re
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

#: Seconds between two requests, and for one answer.
EVERY = 0.2
ANSWER_SECONDS = 2.0
NAMESPACE = "/api/v1/namespaces/kube-system"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
COMPONENTS = ("kube-controller-manager", "kube-scheduler")


class Client:
    """Sends each request on a new connection, as a new client would."""

    def __init__(self, server: str, kubeconfig: Path) -> None:
        self._host, _, port = server.rpartition(":")
        self._port = int(port)
        self._context = make_context(kubeconfig.read_text())

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the answer's document; None if there was no answer, or another status than 200 and 201."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=ANSWER_SECONDS, context=self._context
        )
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind}
            )
            answer = connection.getresponse()
            document = json.loads(answer.read())
            return document if answer.status in (200, 201) else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def make_context(kubeconfig: str) -> ssl.SSLContext:
    """Return the TLS settings of a kubeconfig with embedded certificates."""

    def decode(field: str) -> bytes:
        match = re.search(rf"{field}-data: *\"?([A-Za-z0-9+/=]+)", kubeconfig)
        if match is None:
            raise SystemExit(f"the kubeconfig has no {field}-data")
        return base64.b64decode(match[1])

    context = ssl.create_default_context(cadata=decode("certificate-authority").decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(decode("client-certificate") + b"\n" + decode("client-key"))
        file.flush()
        context.load_cert_chain(file.name)
    return context


class Gaps:
    """The longest time between two successes."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._last = time.monotonic()

    def succeed(self) -> None:
        """Record a success."""
        self.longest = self.read_longest()
        self._last = time.monotonic()
        self.count += 1

    def read_longest(self) -> float:
        """Return the longest gap, with the one that lasts now."""
        return max(self.longest, time.monotonic() - self._last)


class LeaseGaps:
    """The longest time between two renewals of a lease, by the clocks of its holders."""

    def __init__(self) -> None:
        self.holder = ""
        self.longest = 0.0
        self._renewed: dt.datetime | None = None

    def observe(self, spec: dict[str, Any]) -> None:
        """Record the spec of the Lease."""
        self.holder = spec.get("holderIdentity") or ""
        text = spec.get("renewTime")
        if not self.holder or not text:
            return
        renewed = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
        if self._renewed is not None:
            self.longest = max(self.longest, (renewed - self._renewed).total_seconds())
        self._renewed = renewed


class Probe:
    """Reads, writes and watches leases in three threads."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.reads, self.writes = Gaps(), Gaps()
        self.leases = {component: LeaseGaps() for component in COMPONENTS}
        #: The last number that the API acknowledged.
        self.acknowledged = 0

    def start(self) -> None:
        """Start the threads; they run until the process ends."""
        for step in (self.read, self.write, self.look_at_leases):
            threading.Thread(target=repeat, args=(step,), daemon=True).start()

    def read(self) -> None:
        """Read an object; the answer needs a quorum of etcd."""
        if self.client.request("GET", NAMESPACE):
            self.reads.succeed()

    def write(self) -> None:
        """Write the next number."""
        number = self.acknowledged + 1
        path = f"{NAMESPACE}/configmaps/{self.name}"
        if self.client.request("PATCH", path, {"data": {"number": str(number)}}):
            self.acknowledged = number
            self.writes.succeed()

    def look_at_leases(self) -> None:
        """Read the leases of the components with a leader."""
        for component, gaps in self.leases.items():
            lease = self.client.request("GET", f"{LEASES}/{component}")
            if lease:
                gaps.observe(lease["spec"])

    def describe(self) -> dict[str, Any]:
        """Return the results so far."""
        return {
            "reads": self.reads.count,
            "writes": self.writes.count,
            "read_gap": round(self.reads.read_longest(), 2),
            "write_gap": round(self.writes.read_longest(), 2),
            "acknowledged": self.acknowledged,
            "leases": {
                component: {"gap": round(gaps.longest, 2), "holder": gaps.holder}
                for component, gaps in self.leases.items()
            },
        }


def repeat(step: Any) -> None:
    """Call a function again and again."""
    while True:
        started = time.monotonic()
        step()
        time.sleep(max(0.0, EVERY - (time.monotonic() - started)))


def main() -> None:
    """Run until a signal ends the process; write the results twice a second."""
    server, kubeconfig, name, output = sys.argv[1:]
    client = Client(server, Path(kubeconfig))
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"number": "0"}}
    while not client.request("POST", f"{NAMESPACE}/configmaps", document):
        time.sleep(EVERY)
    probe = Probe(client, name)
    probe.start()
    new = Path(f"{output}.new")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            new.write_text(json.dumps(probe.describe()))
            new.replace(output)
            time.sleep(0.5)


if __name__ == "__main__":
    main()
