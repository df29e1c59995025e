"""`kprov diagnose`: collects from all hosts at once, from the API, and from the operator's machine."""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kprov.errors import HostError, KprovError
from kprov.inventory import secrets
from kprov.operations.cluster import GROUPS, Cluster, Say, open_cluster
from kprov.operations.diagnose import archive
from kprov.operations.diagnose.archive import Diagnosis
from kprov.operations.diagnose.items import FILE_BYTES, Item, bound_line, list_cluster_items, list_host_items
from kprov.operations.diagnose.redaction import redact_objects, redact_text, register_key
from kprov.operations.remote import find_api_host, try_command
from kprov.operations.verify import verify_cluster
from kprov.pki import encryption_keys
from kprov.playbook.results.run_result import Callbacks, RunOptions

#: Newest journals of kprov's own runs.
_JOURNALS = 10
#: A key in encryption.json.
_ENCRYPTION_KEY = re.compile(r'"secret"\s*:\s*"([^"]+)"')


def diagnose_cluster(
    inventory: Path, output: Path, since: str, options: RunOptions, callbacks: Callbacks, say: Say
) -> Diagnosis:
    """Collect everything and write the archive. Hosts that cannot be reached are part of the result.

    `since` is an argument of `journalctl --since`. Raises InputError, and SecretFoundError.
    """
    started = time.monotonic()
    diagnosis = Diagnosis()
    with open_cluster(inventory, options, callbacks) as cluster, ThreadPoolExecutor(1) as second:
        register_keys(cluster.artifacts / "pki")
        hosts = cluster.members(*GROUPS) if not options.limit else cluster.chosen()
        say(f"Collecting from {len(hosts)} hosts")
        verifying = second.submit(_verify, inventory, options)
        reached = {connection.host: connection for connection in cluster.engine.reach_hosts(hosts)}
        diagnosis.unreachable = {
            host: result.error.reason for host, result in reached.items() if result.error is not None
        }
        available = [host for host in hosts if host not in diagnosis.unreachable]
        _describe(diagnosis, cluster, available, since)
        with ThreadPoolExecutor(max_workers=max(1, min(options.forks, len(available)))) as pool:
            for host, problem in zip(
                available,
                pool.map(lambda host: _collect_host(diagnosis, cluster, host, since), available),
                strict=True,
            ):
                diagnosis.problems += [f"{host}: {problem}"] if problem else []
        _collect_objects(diagnosis, cluster)
        _collect_local(diagnosis, cluster)
        document, problems = verifying.result()
        diagnosis.add("verify.json", redact_text(json.dumps(document, indent=1)))
        diagnosis.problems += problems
    diagnosis.facts["collected in"] = f"{time.monotonic() - started:.1f} s"
    files = diagnosis.files | {"index.md": redact_text(archive.render_index(diagnosis))}
    archive.write_archive(output, output.name.removesuffix(".tar.gz").removesuffix(".tgz"), files)
    return diagnosis


def register_keys(pki: Path) -> None:
    """Make the keys in a cluster's `pki/` known secrets, so that the check of the archive finds them.

    Also those of a damaged file: it is read as text.
    """
    for path in sorted(pki.rglob("*.key")):
        register_key(path.read_text(encoding="utf-8", errors="replace"))
    file = pki / encryption_keys.NAME
    if file.exists():
        for secret in _ENCRYPTION_KEY.findall(file.read_text(encoding="utf-8", errors="replace")):
            secrets.register(secret)


def _describe(diagnosis: Diagnosis, cluster: Cluster, available: list[str], since: str) -> None:
    diagnosis.facts |= {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kprov": f"{version('kprov')}, Python {platform.python_version()}, {platform.platform()}",
        "cluster": cluster.any_variables.cluster_name,
        "hosts": ", ".join(
            f"{host} ({', '.join(sorted(cluster.engine.inventory.group_names(host)))})" for host in available
        ),
        "journals since": since,
    }


def _collect_host(diagnosis: Diagnosis, cluster: Cluster, host: str, since: str) -> str:
    """Collect from a host; return why it stopped early, or an empty text."""
    for item in list_host_items(cluster, host, since):
        try:
            _collect(diagnosis, cluster, host, item, f"{archive.HOSTS}{host}", redact_text)
        except HostError as error:
            return f"lost while collecting {item.path}: {error.reason}"
    return ""


def _collect_objects(diagnosis: Diagnosis, cluster: Cluster) -> None:
    cluster.engine.unreachable_hosts |= diagnosis.unreachable
    try:
        host = find_api_host(cluster)
        for item in list_cluster_items(cluster, host):
            redact = redact_objects if item.path.endswith(".json") else redact_text
            _collect(diagnosis, cluster, host, item, "cluster", redact)
    except KprovError as error:
        diagnosis.problems.append(f"no objects from the API: {error}")


def _collect(
    diagnosis: Diagnosis, cluster: Cluster, host: str, item: Item, folder: str, redact: Callable[[str], str]
) -> None:
    text = try_command(cluster, host, bound_line(item)).stdout
    # The agent passes bytes that are not UTF-8 as surrogates.
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text.strip():
        cut = len(text.encode()) >= FILE_BYTES - 4
        diagnosis.add(f"{folder}/{item.path}", redact(text) + "\n", cut=cut)


def _collect_local(diagnosis: Diagnosis, cluster: Cluster) -> None:
    """Add the variables of the cluster, and the newest journals of kprov."""
    variables = {host: values.model_dump(mode="json") for host, values in cluster.variables.items()}
    diagnosis.add("inventory.json", redact_text(json.dumps(variables, indent=1)))
    journals = sorted((cluster.artifacts / "journal").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    for path in journals[-_JOURNALS:]:
        content = path.read_bytes()
        text = content[-FILE_BYTES:].decode("utf-8", "replace")
        diagnosis.add(f"kprov-journal/{path.name}", redact_text(text), cut=len(content) > FILE_BYTES)


def _verify(inventory: Path, options: RunOptions) -> tuple[list[dict[str, Any]] | dict[str, str], list[str]]:
    """Return the results of `kprov verify`, and its failed checks as problems."""
    try:
        results = verify_cluster(inventory, options, probe=False, wait=0)
    except KprovError as error:
        return {"error": str(error)}, [f"verify: {error}"]
    failed = [f"verify: {r.host}: {r.area}/{r.name}: {r.detail}" for r in results if not r.ok]
    return [result.as_dict() for result in results], failed
