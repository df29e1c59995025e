"""`kprov etcd restore`: return to a snapshot, after a mistake or the loss of all members.

Arguments: file, identity (the file with age's secret key, or ""), ignore (names of preflight checks).
The hosts may be those of the cluster, also without data, or new machines of the same inventory. The data is
restored beside the old one while the cluster still serves. Then everything that uses etcd stops, all members
exchange their data, and everything starts again.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from kprov.content.locations import PLAYBOOKS
from kprov.errors import InputError, KprovError, NoAnswerError
from kprov.operations.cluster import GROUPS, Cluster, SeveralHostsError
from kprov.operations.etcd import restore_hosts
from kprov.operations.etcd.alarms import clear_alarm, find_full, format_size
from kprov.operations.etcd.connecting import connect_etcd
from kprov.operations.etcd.defrag import compact_history, defragment
from kprov.operations.etcd.differences import describe_differences, read_live_keys, read_live_revision
from kprov.operations.etcd.progress import RestoreProgress, RestoreStep
from kprov.operations.etcd.raised_revision import choose_revision, raise_revision
from kprov.operations.etcd.snapshot_content import SnapshotContent, open_snapshot, read_snapshot
from kprov.operations.etcd.snapshot_encryption import check_encryption
from kprov.operations.etcd.snapshots import has_program, take_snapshot
from kprov.operations.etcd.status import read_members
from kprov.operations.health import wait_for
from kprov.operations.nodes.remaining_hosts import list_remaining_hosts, make_remaining_hosts_phase
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.preparation import prepare_cluster
from kprov.operations.remote import run_kubectl
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.operations.upgrade.gate import pass_gate

_PLAYBOOK = PLAYBOOKS / "etcd_restore.yml"
#: Roles that a member needs before it can be restored.
_MEMBER_TAGS = ("proxy", "offline_repository", "host", "certificates", "etcd")
_ETCD_SECONDS = 300.0
_API_SECONDS = 300.0
_NODE_SECONDS = 600.0


@dataclass
class Restore:
    """The state of a restore that its phases share."""

    context: OperationContext
    snapshot: SnapshotContent
    token: str
    members: list[str]
    missing: list[str]
    prepared: bool = field(default=False)

    @property
    def cluster(self) -> Cluster:
        return self.context.cluster

    @property
    def progress(self) -> RestoreProgress:
        """The record in the journal."""
        return RestoreProgress.read(self.context.memory)

    @property
    def identity(self) -> Path | None:
        """The file with age's secret key."""
        name = str(self.context.arguments.get("identity") or "")
        return Path(name) if name else None

    def is_done(self, step: RestoreStep) -> bool:
        """Whether a step is done whose result the hosts do not show."""
        return step in self.progress.done

    def forget(self, step: RestoreStep) -> None:
        """Store that a step has to be done again."""
        self.progress.without_step(step).store(self.context.memory)

    def mark_done(self, step: RestoreStep) -> None:
        """Store that a step is done."""
        self.progress.with_step(step).store(self.context.memory)

    def prepare(self) -> None:
        """Run preflight checks, issue certificates and build bundles, once in this process."""
        if not self.prepared:
            ignore = tuple(self.context.arguments.get("ignore") or ())
            prepare_cluster(self.cluster, self.context.say, ignore, replaced=self.members)
            self.prepared = True

    def read_states(self) -> list[restore_hosts.MemberState]:
        """Return how far the restore is on each member."""
        return restore_hosts.on_all(
            self.members, lambda host: restore_hosts.read_state(self.cluster, host, self.token)
        )

    def list_servers(self) -> list[str]:
        """Return the hosts that have a control plane."""
        return [host for host in self.cluster.members("kube_control_plane") if host not in self.missing]


def list_phases(context: OperationContext) -> list[Phase]:
    """Check the file, restore beside the data, exchange it, start everything again."""
    restore = open_restore(context)
    phases = [_make_comparison_phase(restore)]
    if restore.missing:
        phases.append(_make_install_phase(restore))
    phases += [
        _make_data_phase(restore),
        _make_stop_phase(restore),
        _make_save_phase(restore),
        _make_exchange_phase(restore),
        _make_etcd_phase(restore),
        _make_api_phase(restore),
    ]
    if restore.missing:
        phases.append(_make_setup_phase(restore))
        if list_remaining_hosts(context.cluster, restore.missing):
            phases.append(make_remaining_hosts_phase(context, restore.missing, gone=False))
    return [
        *phases,
        _make_watchers_phase(restore),
        _make_secrets_phase(restore),
        _make_proof_phase(restore),
        _make_cleaning_phase(restore),
    ]


def open_restore(context: OperationContext) -> Restore:
    """Read the snapshot, connect to the hosts. Raises InputError or PreflightError before any change."""
    cluster = context.cluster
    identity = str(context.arguments.get("identity") or "")
    cluster.artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = Path(context.arguments["file"])
    snapshot = read_snapshot(source, Path(identity) if identity else None, cluster.artifacts)
    connect_members(context)
    # A resumed run with another file in the place of the first one begins anew.
    progress = RestoreProgress.read(context.memory)
    if progress.sha256 != snapshot.sha256:
        missing = tuple(restore_hosts.find_missing_hosts(cluster))
        progress = RestoreProgress(snapshot.sha256, secrets.token_hex(4), missing)
        progress.store(context.memory)
    restore = Restore(context, snapshot, progress.token, cluster.members("etcd"), list(progress.missing))
    check_encryption(cluster, snapshot, restore.list_servers())
    return restore


def connect_members(context: OperationContext) -> None:
    """Connect to all hosts. Raises PreflightError without one that has a member or an API server."""
    cluster = context.cluster
    if cluster.engine.options.limit:
        raise InputError("a restore needs all hosts of the cluster", field="--limit")
    unreachable = connect_etcd(cluster)
    if not unreachable:
        context.facts = connect_hosts(cluster, cluster.members(*GROUPS))
        unreachable = dict(cluster.engine.unreachable_hosts)
    errors: list[KprovError] = [
        NoAnswerError(
            host,
            f"does not answer ({reason}), and a restore needs all hosts of etcd and the control plane. Start "
            "it, or delete it from the inventory and keep it switched off",
        )
        for host, reason in unreachable.items()
        if host in cluster.members("etcd", "kube_control_plane")
    ]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralHostsError(errors)
    for host, reason in unreachable.items():
        context.callbacks.warning(f"{host} does not answer ({reason}): restart its kubelet afterwards")


def _make_comparison_phase(restore: Restore) -> Phase:
    """Return the phase that says what the restore changes; it does nothing."""
    snapshot = restore.snapshot

    def plan() -> list[str]:
        taken = datetime.fromtimestamp(snapshot.taken, UTC)
        age = format_age(time.time() - snapshot.taken)
        size = f"{len(snapshot.keys)} keys, {format_size(snapshot.size)}"
        lines = [
            f"snapshot: revision {snapshot.revision}, {size}, taken {taken:%Y-%m-%d %H:%M:%S}Z, {age} ago"
        ]
        if restore.is_done(RestoreStep.ETCD):
            return [*lines, "etcd has the snapshot's data already"]
        try:
            revision, keys = read_live_keys(restore.cluster)
        except KprovError:
            return [*lines, "etcd does not serve: what it has since the snapshot is unknown, and is lost"]
        lines.append(f"the cluster has revision {revision}; everything written since the snapshot is lost")
        return lines + [f"  {line}" for line in describe_differences(snapshot.keys, keys)]

    return Phase("Compare the snapshot with the cluster", plan, lambda: None)


def _make_install_phase(restore: Restore) -> Phase:
    members = [host for host in restore.members if host in restore.missing]

    def run() -> None:
        restore.prepare()
        if members:
            restore.context.run_playbook(members, tags=_MEMBER_TAGS, extra_vars={"etcd_start": False})
        restore.mark_done(RestoreStep.INSTALL)

    lines = [f"check {', '.join(restore.missing)} and issue missing certificates"]
    lines += [f"install etcd on {host}, without starting it" for host in members]
    return Phase(
        "Install etcd where it is missing", lambda: [] if restore.is_done(RestoreStep.INSTALL) else lines, run
    )


def _make_stop_phase(restore: Restore) -> Phase:
    """Return the phase after which nobody writes: what is saved then is all that was ever acknowledged."""
    servers = restore.cluster.members("kube_control_plane")

    def plan() -> list[str]:
        if restore.is_done(RestoreStep.ETCD) or all(state.exchanged for state in restore.read_states()):
            return []
        return [f"stop the control plane on {', '.join(servers)}"]

    return Phase(
        "Stop the control plane", plan, lambda: restore_hosts.stop_control_plane(restore.cluster, servers)
    )


def _make_save_phase(restore: Restore) -> Phase:
    """Return the phase that makes the restore reversible. The old data is kept if it fails.

    It runs again in a resumed run as long as no member has exchanged its data: the cluster may have served
    between the two runs.
    """
    context = restore.context

    def plan() -> list[str]:
        if restore.is_done(RestoreStep.ETCD) or any(state.exchanged for state in restore.read_states()):
            return []
        members = read_members(restore.cluster, dict(restore.cluster.engine.unreachable_hosts))
        host = next((member.host for member in members if member.has_leader), None)
        if host is None or not has_program(restore.cluster, host):
            return []
        return ["take a snapshot of the cluster as it is then, to which you can return"]

    def run() -> None:
        restore.forget(RestoreStep.SAVE)
        try:
            taken = take_snapshot(restore.cluster, {})
        except KprovError as error:
            context.callbacks.warning(f"{error}; the members keep their old data instead")
            return
        context.say(f"  {taken.host}: {taken.file} (revision {taken.revision})")
        restore.mark_done(RestoreStep.SAVE)

    return Phase("Save the present state", plan, run)


def _make_data_phase(restore: Restore) -> Phase:
    cluster, context = restore.cluster, restore.context

    def list_hosts() -> list[str]:
        if restore.is_done(RestoreStep.ETCD):
            return []
        states = restore.read_states()
        return [host for host, state in zip(restore.members, states, strict=True) if not state.restored]

    def plan() -> list[str]:
        return [
            f"{host}: restore to {cluster.variables[host].etcd_data_dir}/.restore-{restore.token}"
            for host in list_hosts()
        ]

    def run() -> None:
        for host in list_hosts():
            restore_hosts.check_space(cluster, host, restore.snapshot.size)
        source = Path(context.arguments["file"])
        with open_snapshot(source, restore.identity, cluster.artifacts) as (path, _digest):
            raise_revision(path, source, choose_own_revision(restore))
            extra = {
                "etcd_restore_file": str(path),
                "etcd_restore_token": restore.token,
            }
            context.run_playbook(restore.members, playbook=_PLAYBOOK, extra_vars=extra)

    return Phase("Restore the snapshot beside the data", plan, run)


def choose_own_revision(restore: Restore) -> int:
    """Return the revision that the restored cluster gets: the same on all members, also in a resumed run."""
    if restore.progress.revision is not None:
        return restore.progress.revision
    known = restore.snapshot.revision
    with contextlib.suppress(KprovError):
        known = max(known, read_live_revision(restore.cluster))
    revision = choose_revision(known, int(time.time() * 1000))
    replace(restore.progress, revision=revision).store(restore.context.memory)
    return revision


def _make_exchange_phase(restore: Restore) -> Phase:
    cluster = restore.cluster

    def plan() -> list[str]:
        if restore.is_done(RestoreStep.ETCD):
            return []
        states = restore.read_states()
        if all(state.exchanged for state in states):
            return []
        return [f"stop etcd on {', '.join(restore.members)}"] + [
            f"{host}: use the restored data, keep the old data in "
            f"{cluster.variables[host].etcd_data_dir}/before-restore-{restore.token}"
            for host, state in zip(restore.members, states, strict=True)
            if not state.exchanged
        ]

    def run() -> None:
        restore_hosts.stop_etcd(cluster, restore.members)
        restore_hosts.on_all(
            restore.members, lambda host: restore_hosts.exchange_data(cluster, host, restore.token)
        )

    return Phase("Stop etcd and exchange the data", plan, run)


def _make_etcd_phase(restore: Restore) -> Phase:
    cluster = restore.cluster

    def run() -> None:
        restore_hosts.start_etcd(cluster, restore.members)
        wait_for(lambda: restore_hosts.find_etcd_problems(cluster, restore.members), _ETCD_SECONDS)
        release_space(restore)
        restore.mark_done(RestoreStep.ETCD)

    lines = [f"start etcd on {', '.join(restore.members)}, wait until all members serve"]
    return Phase("Start etcd", lambda: [] if restore.is_done(RestoreStep.ETCD) else lines, run)


def release_space(restore: Restore) -> None:
    """Clear the alarm NOSPACE, which is part of a snapshot. Raises KprovError if there is no space."""
    cluster = restore.cluster
    full = find_full(cluster, {})
    if not full:
        return
    restore.context.say("  the snapshot has the alarm NOSPACE: compact, defragment, clear the alarm")
    compact_history(cluster, max(member.revision for member in full))
    for host in restore.members:
        defragment(cluster, host)
    wait_for(lambda: restore_hosts.find_etcd_problems(cluster, restore.members), _ETCD_SECONDS)
    clear_alarm(cluster, find_full(cluster, {}))


def _make_api_phase(restore: Restore) -> Phase:
    cluster = restore.cluster
    servers = restore.list_servers()

    def plan() -> list[str]:
        if not servers or restore.is_done(RestoreStep.API):
            return []
        return [f"start the control plane on {', '.join(servers)}"]

    def run() -> None:
        restore_hosts.start_control_plane(cluster, servers)
        wait_for(lambda: restore_hosts.find_api_problems(cluster, servers), _API_SECONDS)
        restore.mark_done(RestoreStep.API)

    return Phase("Start the control plane", plan, run)


def _make_setup_phase(restore: Restore) -> Phase:
    def run() -> None:
        restore.prepare()
        restore.context.run_playbook(restore.missing)
        restore.mark_done(RestoreStep.SETUP)

    lines = [f"install what is missing on {', '.join(restore.missing)}"]
    return Phase("Set up the new hosts", lambda: [] if restore.is_done(RestoreStep.SETUP) else lines, run)


def _make_watchers_phase(restore: Restore) -> Phase:
    """Return the phase that restarts the nodes' components: their caches are of a state that is gone."""
    cluster = restore.cluster
    unreachable = cluster.engine.unreachable_hosts
    hosts = [host for host in cluster.members("kube_node") if host not in unreachable]

    def plan() -> list[str]:
        if restore.is_done(RestoreStep.WATCHERS):
            return []
        return [f"restart the kubelet, kube-proxy and other components on {', '.join(hosts)}"]

    def run() -> None:
        restore_hosts.restart_watchers(cluster, hosts)
        everybody = [host for host in cluster.members(*GROUPS) if host not in unreachable]
        pass_gate(cluster, everybody, {}, "", _NODE_SECONDS)
        restore.mark_done(RestoreStep.WATCHERS)

    return Phase("Restart the nodes' components and wait until all is healthy", plan, run)


def _make_secrets_phase(restore: Restore) -> Phase:
    """Return the phase that finds out whether the encryption key of the artifacts is the snapshot's."""

    def run() -> None:
        try:
            document = json.loads(run_kubectl(restore.cluster, "get secrets -A -o json"))
        except KprovError as error:
            raise KprovError(
                f"the API server cannot read the snapshot's secrets: {error}. Encrypted secrets need the key "
                f"of the time of the snapshot in {restore.cluster.artifacts}/pki/encryption.json"
            ) from None
        restore.context.say(f"  {len(document['items'])} secrets")

    return Phase("Read all secrets", lambda: ["read all secrets, which may be encrypted"], run)


def _make_proof_phase(restore: Restore) -> Phase:
    def plan() -> list[str]:
        return [] if restore.is_done(RestoreStep.PROOF) else ["take a snapshot of the restored cluster"]

    def run() -> None:
        taken = take_snapshot(restore.cluster, {})
        restore.context.say(f"  {taken.host}: {taken.file} (revision {taken.revision})")
        restore.mark_done(RestoreStep.PROOF)

    return Phase("Take a snapshot", plan, run)


def _make_cleaning_phase(restore: Restore) -> Phase:
    cluster, token = restore.cluster, restore.token

    def plan() -> list[str]:
        lines = []
        for host, state in zip(restore.members, restore.read_states(), strict=True):
            folder = cluster.variables[host].etcd_data_dir
            if state.kept and restore.is_done(RestoreStep.SAVE):
                lines.append(f"{host}: remove the old data in {folder}/before-restore-{token}")
            elif state.restored or not restore.is_done(RestoreStep.ETCD):
                lines.append(f"{host}: remove {folder}/.restore-{token}")
        return lines

    def run() -> None:
        keep = not restore.is_done(RestoreStep.SAVE)
        for host, state in zip(restore.members, restore.read_states(), strict=True):
            if keep and state.kept:
                folder = cluster.variables[host].etcd_data_dir
                restore.context.say(f"  {host}: the old data stays in {folder}/before-restore-{token}")
            restore_hosts.remove_work(cluster, host, token, keep_old=keep)

    return Phase("Remove what the restore left", plan, run)


def format_age(seconds: float) -> str:
    """Return a time span in its largest unit of which there are at least two."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
