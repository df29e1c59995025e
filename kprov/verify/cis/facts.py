"""What the benchmark looks at on one host, read with one script."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from kprov.contract.components.table import list_components

#: Runs on the host with python3. It prints flags of the running processes, owners and modes of files, and the
#: texts of configuration files. Of the encryption configuration it prints the names of the providers only.
SCRIPT = """
import glob, hashlib, json, os, pwd, grp, re, subprocess, sys
paths, texts, components, encryption = json.loads(sys.stdin.read())
def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
def name(table, number):
    try:
        return table(number)[0]
    except KeyError:
        return str(number)
flags = {}
for component in components:
    pid = subprocess.run(["systemctl", "show", "--property=MainPID", "--value", component],
                         stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()
    line = read("/proc/%s/cmdline" % pid) if pid not in ("", "0") else None
    if line is not None:
        pairs = [word[2:].partition("=") for word in line.split(chr(0)) if word.startswith("--")]
        flags[component] = {key: value for key, equals, value in pairs}
files = {}
for pattern in paths:
    for path in glob.glob(pattern, recursive=True):
        entry = os.stat(path)
        owner = name(pwd.getpwuid, entry.st_uid) + ":" + name(grp.getgrgid, entry.st_gid)
        files[path] = [oct(entry.st_mode & 0o7777)[2:], owner]
digest = lambda path: hashlib.sha256((read(path) or "").encode()).hexdigest()
sums = {path: digest(path) for path in texts if path.endswith(".crt")}
contents = {path: read(path) for path in texts if not path.endswith(".crt")}
names = "aescbc|aesgcm|secretbox|kms|identity"
providers = re.findall(r"^ *- (%s) *:" % names, read(encryption) or "", re.MULTILINE)
print(json.dumps({"flags": flags, "files": files, "texts": contents, "sums": sums, "providers": providers}))
"""


@dataclass(frozen=True)
class Paths:
    """Places that depend on the inventory's variables."""

    config_dir: str
    cert_dir: str
    etcd_data_dir: str


@dataclass(frozen=True)
class HostFacts:
    """The answer of the script: `flags` by component, `files` (mode and owner) and `documents` by path."""

    name: str
    groups: frozenset[str]
    paths: Paths
    flags: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] = ()


ETCD_CONFIG = "/etc/etcd/etcd.conf.yml"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
PROXY_CONFIG = "/var/lib/kube-proxy/config.yaml"
ETCD_CA = "/etc/etcd/pki/ca.crt"


def list_texts(paths: Paths) -> list[str]:
    """Return the files whose text or checksum is read."""
    return [
        ETCD_CONFIG,
        KUBELET_CONFIG,
        PROXY_CONFIG,
        f"{paths.config_dir}/authentication-config.yaml",
        f"{paths.config_dir}/audit-policy/apiserver-audit-policy.yaml",
        ETCD_CA,
        f"{paths.cert_dir}/ca.crt",
    ]


def read_facts(
    run: Callable[[str], str],
    name: str,
    groups: frozenset[str],
    paths: Paths,
    patterns: list[str],
) -> HostFacts:
    """Run the script. `run` gets the script's input and returns its output. Raises HostError."""
    encryption = f"{paths.config_dir}/encryption-config.yaml"
    components = [component.name for component in list_components() if component.benchmark]
    answer = json.loads(run(json.dumps([patterns, list_texts(paths), components, encryption])))
    return HostFacts(
        name,
        groups,
        paths,
        answer["flags"],
        {path: (mode, owner) for path, (mode, owner) in answer["files"].items()},
        {path: yaml.safe_load(text) for path, text in answer["texts"].items() if text is not None},
        answer["sums"],
        tuple(answer["providers"]),
    )
