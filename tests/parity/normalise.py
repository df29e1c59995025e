"""Values of a run without what differs between any two runs: times, process numbers, temporary names, the twins' names."""

from __future__ import annotations

import re
from typing import Any

from tests.parity.twins import Twin

#: Return values that tell a time, a place in memory or on a disk, or how a task was called.
VOLATILE = frozenset({
    "delta", "start", "end", "mtime", "atime", "ctime", "birthtime", "inode", "ino", "dev", "elapsed", "duration",
    "invocation", "pid", "child_pid", "ansible_job_id", "results_file", "exception", "deprecations", "warnings",
    "started_at", "stopped_at", "failed_when_suppressed_exception", "device_type", "cache_update_time",
})  # fmt: skip
#: Of systemd's two hundred properties of a unit, those that a task is about.
_OF_A_UNIT = frozenset({"ActiveState", "SubState", "LoadState", "UnitFileState", "FragmentPath", "Id"})
_WORDS = (
    (re.compile(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~"), ".BACKUP~"),
    (re.compile(r"(/[\w./-]+)?/(\.ansible/tmp|home/tmp|tmp)/(ansible-(tmp|local)-?|ansible\.|kprov)[\w.-]*(/ansible-tmp-[\w.-]+|/tmp\w+)*"), "/TEMPORARY"),
    (re.compile(r"(\b\d{4}-\d\d-\d\d )?\b\d+:\d\d:\d\d\.\d{3,}\b"), "TIME"),
    (re.compile(r"\bj?\d+\.\d{3,}\b"), "NUMBER"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    # The fingerprint of a key that was made in the run.
    (re.compile(r"\bSHA256:[\w+/]{43}"), "FINGERPRINT"),
    # A name hashed with a salt of chance, in known_hosts.
    (re.compile(r"\|1\|[\w+/=]{28}\|[\w+/=]{28}"), "HASHED"),
    (re.compile(r"Fetched [\d.,]+ \w?B in .*"), "Fetched"),
    (re.compile(r"\(Reading database \.\.\. .*"), "(Reading database)"),
)  # fmt: skip


def text(value: str, twin: Twin) -> str:
    """With HOST and VIP for the addresses of host and cluster, and WORK for the engine's folder."""
    value = value.replace(str(twin.folder), "/WORK")
    value = value.replace(twin.host.vip, "VIP").replace(twin.host.address, "HOST")
    for pattern, word in _WORDS:
        value = pattern.sub(word, value)
    return value


def value(document: Any, twin: Twin) -> Any:
    """A result to its depth."""
    if isinstance(document, dict):
        if document.get("ssh_public_key"):
            kind, _, *comment = document["ssh_public_key"].split(" ")
            document = document | {"ssh_public_key": " ".join([kind, "KEY", *comment])}
        if "ActiveState" in document:
            document = {key: inner for key, inner in document.items() if key in _OF_A_UNIT}
        return {
            text(str(key), twin): value(inner, twin)
            for key, inner in document.items()
            if key not in VOLATILE and not str(key).startswith("_ansible_")
        }
    if isinstance(document, list):
        return [value(inner, twin) for inner in document]
    return text(document, twin) if isinstance(document, str) else document


def task(name: str) -> str:
    """A task's name as both engines have it: an unnamed one is called by its module, with or without a collection."""
    return re.sub(r"\bansible\.(builtin|legacy)\.", "", name)
