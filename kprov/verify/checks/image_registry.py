"""Checks that the registry with the images of an export serves them, on the hosts that have one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost

_UNIT = "docker-registry"
#: Asks the registry of this host as a node does: by its address, with the cluster's authority.
_PROGRAM = """
import glob, json, re, ssl, sys, urllib.request
if not glob.glob("/var/lib/docker-registry/*/.complete"):
    sys.exit()
answer = {}
try:
    config = open("/etc/docker/registry/config.yml").read()
    answer["address"] = re.search(r"^ *addr: *(\\S+)$", config, re.M)[1]
    context = ssl.create_default_context(cafile=sys.argv[1])
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open("https://" + answer["address"] + "/v2/_catalog?n=1000", timeout=5) as response:
        answer["repositories"] = len(json.load(response)["repositories"])
except Exception as error:
    answer["error"] = str(error) or type(error).__name__
print(json.dumps(answer))
"""


def check_registry(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:  # noqa: ARG001  the protocol
    """Yield a finding if the host has a registry that `kprov up --offline` installed."""
    authority = f"{cluster.cert_dir}/ca.crt"
    output = host.run(f"python3 -I -c {shlex.quote(_PROGRAM)} {shlex.quote(authority)}")
    if output.rc == 0 and not output.stdout.strip():
        return
    state = host.run(f"systemctl is-active {_UNIT}").stdout.strip()
    answer = json.loads(output.stdout) if output.rc == 0 else {"error": output.stderr.strip()[-200:]}
    yield judge_registry(answer, state)


def judge_registry(answer: dict[str, object], state: str) -> Finding:
    """Judge what the registry answered. state: of its unit, as systemd says."""
    name = f"registry {answer.get('address', '')}".strip()
    if "error" in answer:
        return Finding(name, ok=False, detail=f"{answer['error']} ({_UNIT} is {state})")
    if not answer.get("repositories"):
        return Finding(name, ok=False, detail="serves no images: kprov up --offline")
    return Finding(name, ok=True, detail=f"serves {answer['repositories']} images")
