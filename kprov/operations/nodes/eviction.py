"""Runs `kubectl drain`, and says while it waits which pods keep it from its end.

kubectl itself waits without a word to a caller that reads its output afterwards. It therefore runs again
and again with a short timeout: a drain continues where the last one stopped.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterable

from kprov.errors import KprovError
from kprov.operations.cluster import Cluster, Say
from kprov.operations.remote import find_api_host, kubectl_line, try_command

#: Seconds of one run of kubectl.
_ATTEMPT = 15
_TIMEOUT = r"(?:global timeout reached|context deadline exceeded)"
#: kubectl's messages about a pod that was not evicted, and about one that it waited for in vain.
_REFUSED = re.compile(
    r'^error when evicting pods/"([^"]+)" -n "([^"]+)" \(will retry after .+?\): (.+)$', re.MULTILINE
)
_PENDING = re.compile(
    r'error when (evicting pods/|waiting for pod )"([^"]+)" (?:-n|in namespace) "([^"]+)"(?: to terminate)?: '
    + _TIMEOUT
)


class DrainError(KprovError):
    """A node could not be drained; the message names the pods and the reasons."""


def evict_pods(cluster: Cluster, node: str, options: Iterable[str], limit: float, say: Say) -> None:
    """Drain a node within `limit` seconds; 0 is no limit. Raises DrainError."""
    deadline = time.monotonic() + limit if limit else float("inf")
    printed: set[str] = set()

    def print_new(lines: Iterable[str]) -> None:
        for line in lines:
            if line not in printed:
                printed.add(line)
                say(f"  {line}")

    while True:
        seconds = max(1, round(min(_ATTEMPT, deadline - time.monotonic())))
        host = find_api_host(cluster)
        arguments = shlex.join(["drain", node, *options, f"--timeout={seconds}s"])
        output = try_command(cluster, host, kubectl_line(cluster, host, arguments))
        print_new(line for line in output.stdout.splitlines() if not line.endswith(" already cordoned"))
        if output.code == 0:
            return
        pending = find_pending(output.stderr)
        if not re.search(_TIMEOUT, output.stderr):
            reason = "\n".join(output.stderr.splitlines()[-5:]) or "kubectl failed without a message"
            raise DrainError(f"node {node} cannot be drained: {reason}")
        if time.monotonic() >= deadline:
            raise DrainError(
                "\n  ".join([f"node {node} is not drained after {limit:g} s (--drain-timeout):", *pending])
            )
        print_new(f"waiting: {text}" for text in pending)


def find_pending(errors: str) -> list[str]:
    """Return a line for each pod that, by kubectl's messages, is still on its node."""
    reasons = {(namespace, name): reason for name, namespace, reason in _REFUSED.findall(errors)}
    lines = []
    for doing, name, namespace in dict.fromkeys(_PENDING.findall(errors)):
        reason = "it is evicted and has not ended"
        if doing.startswith("evicting"):
            reason = reasons.get((namespace, name), "it is not evicted yet")
        lines.append(f"pod {namespace}/{name}: {reason}")
    return lines
