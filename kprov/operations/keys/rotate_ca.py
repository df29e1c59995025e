"""`kprov certs rotate-ca`: replace the cluster's three authorities while it serves.

Hosts and clients first trust the old and the new authorities; then all certificates are issued again; then
the old authorities are dropped. The API servers keep serving certificates of the old authority until shortly
before that, for users whose kubeconfigs know no other. Arguments: keep_old (stop before the API changes).
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from kprov.operations.health import wait_for
from kprov.operations.keys.distribution import connect_all_hosts, distribute, make_request
from kprov.operations.keys.host_files import read_serial
from kprov.operations.keys.progress import RotationProgress, remember_replaced
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import get_objects
from kprov.pki import rotation
from kprov.pki.ensure import ensure_pki
from kprov.pki.rotation import Stage

#: Seconds after which kubelets have updated the authority in pods' volumes: their sync period and cache.
_POD_SECONDS = 90.0
_PUBLISH_SECONDS = 180.0
_TITLES = {
    Stage.TRUST: "Let all hosts and pods trust the old and the new authorities",
    Stage.ISSUE: "Issue all certificates and kubeconfigs from the new authorities",
    Stage.SERVE: "Serve the API with certificates of the new authority",
    Stage.DROP: "Trust only the new authorities",
}
_PLANS = {
    Stage.TRUST: (
        "make new authorities for the cluster, etcd and front proxies",
        "copy old and new authorities to {hosts}; restart etcd, control plane and kubelets one by one",
        "publish both in the config maps kube-root-ca.crt",
    ),
    Stage.ISSUE: (
        "issue {hosts}'s certificates, except those that API servers serve, and admin.conf",
        "copy them to the hosts; restart the components, one API server and one etcd member at a time",
    ),
    Stage.SERVE: ("issue and use new serving certificates of the API servers; older kubeconfigs end here",),
    Stage.DROP: (
        "remove the old authorities from {hosts} and kubeconfigs; restart etcd, control plane and kubelets",
        "delete the old authorities and their keys in artifacts/pki",
    ),
}


def list_phases(context: OperationContext) -> list[Phase]:
    """Return a phase for each stage of the rotation."""
    connect_all_hosts(context)
    remember_replaced(context.memory, lambda: _read_oldest(_pki(context)))
    stages = [Stage.TRUST, Stage.ISSUE] if context.arguments.get("keep_old") else list(Stage)
    return [_make_phase(context, stage) for stage in stages]


def _make_phase(context: OperationContext, stage: Stage) -> Phase:
    def plan() -> list[str]:
        if _is_past(context, stage):
            return []
        return [text.format(hosts=", ".join(context.facts)) for text in _PLANS[stage]]

    def run() -> None:
        _run_stage(context, stage)

    return Phase(_TITLES[stage], plan, run)


def _run_stage(context: OperationContext, stage: Stage) -> None:
    pki = _pki(context)
    present = rotation.read_stage(pki)
    if present is None:
        rotation.begin_rotation(pki, dt.datetime.now(dt.UTC))
    elif present.is_before(stage):
        if stage is Stage.SERVE:
            _wait_for_pods(context)
        rotation.set_stage(pki, stage)
    for line in ensure_pki(make_request(context.cluster)):
        context.say(f"  {line}")
    distribute(context)
    if stage in (Stage.TRUST, Stage.DROP):
        context.say("  wait until all namespaces have the authorities")
        wait_for(lambda: _find_old_config_maps(context), _PUBLISH_SECONDS)
    if stage is Stage.TRUST:
        rotation.mark_trusted(pki)
    if stage is Stage.DROP:
        rotation.end_rotation(pki)


def _is_past(context: OperationContext, stage: Stage) -> bool:
    """Whether the stage is complete. A rotation that has ended has no stage, but other authorities."""
    present = rotation.read_stage(_pki(context))
    if present is None:
        return _read_oldest(_pki(context)) != RotationProgress.read(context.memory).replaces
    return stage.is_before(present)


def _read_oldest(pki: Path) -> str:
    """Return the serial number of the authority that is, or was before a rotation, the cluster's only one."""
    rotating = pki / "rotation" / "old-ca.crt"
    return read_serial(rotating if rotating.exists() else pki / "ca.crt")


def _find_old_config_maps(context: OperationContext) -> list[str]:
    """Return the namespaces whose config map kube-root-ca.crt does not have the authorities yet."""
    wanted = (_pki(context) / "ca.crt").read_text()
    maps = get_objects(context.cluster, "configmaps -A --field-selector=metadata.name=kube-root-ca.crt")[
        "items"
    ]
    return [
        f"the config map kube-root-ca.crt of {item['metadata']['namespace']} has other authorities"
        for item in maps
        if item["data"].get("ca.crt") != wanted
    ]


def _wait_for_pods(context: OperationContext) -> None:
    """Wait until kubelets have brought both authorities to the pods, which read them from a volume."""
    left = rotation.read_trusted_time(_pki(context)) + _POD_SECONDS - time.time()
    if left > 0:
        context.say(f"  wait {left:.0f} s until the kubelets have updated the pods' volumes")
        time.sleep(min(left, _POD_SECONDS))


def _pki(context: OperationContext) -> Path:
    return context.cluster.artifacts / "pki"
