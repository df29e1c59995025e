"""Twenty hostile clients: python -m tests.apiserver.abuse.hostile PORT SECONDS.

Prints how often each attack was answered, as JSON.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import ssl
import sys
import threading
import time
from collections import Counter

from tests.apiserver.abuse.attacks import ATTACKS, Attack

_CLIENTS = 20
_TOKEN = "bob-token"
#: On a busy host the attacks go on until so many are answered, up to four times as long.
_ENOUGH = 150
_SLOW = ("a slow reader", "a slow sender", "a watch without end")


def _connect(port: int) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)


def _send(port: int, attack: Attack) -> None:
    connection = _connect(port)
    try:
        headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": attack.content_type, **attack.headers}
        connection.request(attack.method, attack.path, attack.body or None, headers)
        connection.getresponse().read()
    finally:
        connection.close()


def _hold(port: int, kind: str) -> http.client.HTTPSConnection:
    """Begin a request that the client does not finish or read."""
    connection = _connect(port)
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    if kind == "a slow sender":
        connection.putrequest("POST", "/api/v1/namespaces/default/configmaps")
        for name, value in (headers | {"Content-Length": "1000000"}).items():
            connection.putheader(name, value)
        connection.endheaders(b'{"data":')
    else:
        watch = "?watch=true&resourceVersion=0" if "watch" in kind else ""
        connection.request("GET", f"/api/v1/configmaps{watch}", headers=headers)
    return connection


def main(port: int, seconds: float) -> dict[str, int]:
    """Attack until the time is over."""
    answered: Counter[str] = Counter()
    end = time.monotonic() + seconds

    def attack_on(client: int) -> None:
        held = [_hold(port, kind) for kind in _SLOW]
        answered.update(_SLOW)
        for attack in itertools.islice(itertools.cycle(ATTACKS), client * 3, None):
            late = time.monotonic() - end
            if late > 3 * seconds or (late > 0 and answered.total() > _ENOUGH):
                break
            # Some answers are none: too many headers, or a connection that the server has closed.
            with contextlib.suppress(OSError, http.client.HTTPException):
                _send(port, attack)
            answered[attack.name] += 1
        for connection in held:
            connection.close()

    clients = [threading.Thread(target=attack_on, args=(number,)) for number in range(_CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return answered


if __name__ == "__main__":
    # What is measured is the server, not who gets the CPU.
    os.nice(10)
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]))))
