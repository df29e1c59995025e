"""One extender: requests and responses of its verbs (k8s.io/kube-scheduler/extender/v1)."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import orjson

from kprov.contract.scheduler.extenders import Extender, ExtenderTls
from kprov.kube.api.core import Node, Pod
from kprov.kube.component_base.http11.client import target_of
from kprov.kube.component_base.http11.connection_pool import FAILURES, ConnectionPool
from kprov.kube.component_base.http11.dialing import Origin

#: As Go's transport: for a connection with its TLS handshake. The extender's own timeout is usually shorter.
_CONNECT_SECONDS: Final = 30.0


class ExtenderError(Exception):
    """The extender did not answer, or refused."""


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """`nodes`: accepted nodes. `failed` and `unresolvable`: why other nodes are rejected, by name."""

    nodes: Sequence[str]
    failed: Mapping[str, str] = field(default_factory=dict)
    unresolvable: Mapping[str, str] = field(default_factory=dict)


class HttpExtender:
    """Field names of responses count in any case, as in Go."""

    def __init__(self, configuration: Extender) -> None:
        self.configuration = configuration
        self._managed = frozenset(resource.name for resource in configuration.managed_resources)
        self._pool: ConnectionPool | None = None

    def is_interested_in(self, pod: Pod) -> bool:
        """Whether the pod requests a resource of the extender, or the extender names none."""
        if not self._managed:
            return True
        return any(
            not self._managed.isdisjoint((*container.resources.requests, *container.resources.limits))
            for container in (*pod.spec.containers, *pod.spec.init_containers)
        )

    async def filter(self, pod: Pod, nodes: Sequence[Node]) -> FilterAnswer:
        """Filter nodes. Raise ExtenderError."""
        answer = await self._send(self.configuration.filter_verb, self._describe_nodes(pod, nodes))
        if answer.get("error"):
            raise ExtenderError(str(answer["error"]))
        names = {node.metadata.name for node in nodes}
        kept = self._read_names(answer)
        for name in kept:
            if name not in names:
                text = f'extender "{self.configuration.url_prefix}" claims a filtered node "{name}"'
                raise ExtenderError(f"{text} which is not found in the input node list")
        return FilterAnswer(
            kept, answer.get("failednodes") or {}, answer.get("failedandunresolvablenodes") or {}
        )

    def _read_names(self, answer: Mapping[str, Any]) -> list[str]:
        if self.configuration.node_cache_capable and answer.get("nodenames") is not None:
            return list(answer["nodenames"])
        items = (answer.get("nodes") or {}).get("items") or ()
        return [item["metadata"]["name"] for item in items]

    async def prioritize(self, pod: Pod, nodes: Sequence[Node]) -> dict[str, int]:
        """Return scores by node, 0 to 10. Raise ExtenderError."""
        answer = await self._request(self.configuration.prioritize_verb, self._describe_nodes(pod, nodes))
        if not isinstance(answer, list):
            raise ExtenderError("the answer is no list of scores")
        entries = [_lower_keys(entry) for entry in answer]
        return {entry["host"]: int(entry["score"]) for entry in entries}

    async def preempt(self, pod: Pod, victims: Mapping[str, tuple[Sequence[Pod], int]]) -> dict[str, Any]:
        """Return (UIDs, violated budgets) by node. `victims`: pods and violated budgets by node."""
        caches = self.configuration.node_cache_capable
        described = {
            node: {
                "Pods": [{"UID": pod.metadata.uid} if caches else pod for pod in pods],
                "NumPDBViolations": violations,
            }
            for node, (pods, violations) in victims.items()
        }
        kind = "NodeNameToMetaVictims" if caches else "NodeNameToVictims"
        answer = await self._send(self.configuration.preempt_verb, {"Pod": pod, kind: described})
        answers = {}
        for node, entry in (answer.get("nodenametometavictims") or {}).items():
            lower = _lower_keys(entry or {})
            uids = [_lower_keys(pod)["uid"] for pod in lower.get("pods") or ()]
            answers[node] = (uids, int(lower.get("numpdbviolations") or 0))
        return answers

    async def bind(self, pod: Pod, node: str) -> None:
        """Bind a pod. Raise ExtenderError."""
        meta = pod.metadata
        arguments = {
            "PodName": meta.name,
            "PodNamespace": meta.namespace,
            "PodUID": meta.uid,
            "Node": node,
        }
        answer = await self._send(self.configuration.bind_verb, arguments)
        if answer.get("error"):
            raise ExtenderError(str(answer["error"]))

    def _describe_nodes(self, pod: Pod, nodes: Iterable[Node]) -> dict[str, Any]:
        if self.configuration.node_cache_capable:
            return {"Pod": pod, "Nodes": None, "NodeNames": [node.metadata.name for node in nodes]}
        return {"Pod": pod, "Nodes": {"metadata": {}, "items": list(nodes)}, "NodeNames": None}

    async def _send(self, verb: str, arguments: Any) -> dict[str, Any]:
        answer = await self._request(verb, arguments)
        if not isinstance(answer, dict):
            raise ExtenderError(f"the answer to {verb} is no object")
        return _lower_keys(answer)

    async def _request(self, verb: str, arguments: Any) -> Any:
        url = f"{self.configuration.url_prefix.rstrip('/')}/{verb}"
        split = urlsplit(url)
        headers = {"Host": split.netloc.rpartition("@")[2], "Content-Type": "application/json"}
        body = msgspec.json.encode(arguments)
        try:
            async with (
                asyncio.timeout(self.configuration.timeout),
                await self._get_pool().request("POST", target_of(split), headers, body) as response,
            ):
                content = await response.read()
        except TimeoutError:
            raise ExtenderError(f"{url}: no answer in {self.configuration.timeout:g} seconds") from None
        except FAILURES as error:
            raise ExtenderError(f"{url}: {error}") from error
        if response.status != 200:
            prefix = self.configuration.url_prefix
            raise ExtenderError(f"failed {verb} with extender at URL {prefix}, code {response.status}")
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ExtenderError(f"{url}: {error}") from error

    def _get_pool(self) -> ConnectionPool:
        if self._pool is None:
            configuration = self.configuration
            try:
                context = _build_context(configuration)
            except (OSError, ValueError) as error:
                raise ExtenderError(f"{configuration.url_prefix}: tlsConfig: {error}") from error
            url = urlsplit(configuration.url_prefix)
            is_tls = url.scheme == "https"
            server_name = configuration.tls_config.server_name if configuration.tls_config else ""
            origin = Origin(
                url.hostname or "",
                url.port or (443 if is_tls else 80),
                context if is_tls else None,
                server_name,
            )
            self._pool = ConnectionPool(origin, connect_seconds=_CONNECT_SECONDS)
        return self._pool

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()


def _lower_keys(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in obj.items()}


def _build_context(configuration: Extender) -> ssl.SSLContext:
    """Build the TLS context. As upstream, enableHTTPS without an authority checks no certificate."""
    tls = configuration.tls_config or ExtenderTls()
    for path in filter(None, (tls.ca_file, tls.cert_file, tls.key_file)):
        # The errors of the ssl module do not name files.
        Path(path).open("rb").close()
    authority = base64.b64decode(tls.ca_data).decode() if tls.ca_data else None
    # With an authority of its own, those of the system do not count.
    context = ssl.create_default_context(cafile=None if authority else tls.ca_file or None, cadata=authority)
    # As Go, which accepts authorities without all extensions.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    has_authority = bool(tls.ca_data or tls.ca_file)
    if tls.insecure or (configuration.enable_https and not has_authority):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_data:
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(tls.cert_data) + b"\n" + base64.b64decode(tls.key_data))
            file.flush()
            context.load_cert_chain(file.name)
    elif tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    return context
