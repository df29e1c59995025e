"""Upgrades a batch of hosts: packages, programs and components, then the gate; rolls back after a failure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import yaml

from kprov.content.locations import CONTENT, PLAYBOOKS
from kprov.errors import KprovError
from kprov.operations.health import find_problems, wait_for
from kprov.operations.host_versions import HostVersions, list_programs, read_versions
from kprov.operations.phases import OperationContext
from kprov.operations.upgrade.bundle_rollback import find_obstacle, return_hosts
from kprov.operations.upgrade.cordon import uncordon
from kprov.operations.upgrade.gate import pass_gate
from kprov.operations.upgrade.progress import HostProgress
from kprov.operations.upgrade.targets import Target

#: Seconds for the rest of the control plane to be healthy before a batch begins.
_REST_SECONDS = 90.0
_VARIABLES = {"cni_plugins": "cni_version"}
#: Groups whose hosts get a program; kube_node for those that are not here.
_GROUPS = {"etcd": "etcd", "kubectl": "kube_control_plane"}
#: In place of the version of a program that is a package of the distribution.
_PACKAGE = "package"


class UpgradeFailedError(KprovError):
    """An upgrade of hosts failed; the message says whether they were rolled back."""


@dataclass
class BatchUpgrade:
    """The upgrade of some hosts at the same time.

    `versions`: those before; `targets`: of the hosts that have a bundle.
    """

    context: OperationContext
    hosts: Sequence[str]
    versions: dict[str, HostVersions]
    targets: dict[str, Target]
    _finished: set[str] = field(default_factory=set)

    def plan(self) -> list[str]:
        """Return what changes on which host, a line each."""
        return [line for host in self.hosts if self.has_work(host) for line in self._describe(host)]

    def has_work(self, host: str) -> bool:
        """Whether the host differs from its target, or an interrupted run has begun with it."""
        if host in self._finished:
            return False
        mark, progress = self._mark(host), HostProgress.read(self.context.memory, host)
        is_unfinished = progress.begun == mark and progress.done != mark
        return is_unfinished or bool(self.describe(host))

    def describe(self, host: str) -> list[str]:
        """Return the versions that change on a host, a line each."""
        versions, target = self.versions[host], self.targets.get(host)
        lines = []
        if target is not None and versions.current != target.digest:
            after = f"{target.metadata.title} {target.digest}"
            lines.append(f"{host}: components {versions.metadata.title} {versions.current} -> {after}")
        elif target is not None and (others := versions.find_others(target.digest)):
            lines.append(f"{host}: restart {', '.join(others)} with {target.metadata.title} {target.digest}")
        lines += [
            f"{host}: {program} {old} -> {new}"
            for program in list_programs()
            if (old := versions.programs.get(program, _PACKAGE)) != (new := self._find_wanted(host, program))
        ]
        lines += [f"{host}: package {name} {old} -> {new}" for name, old, new in versions.packages]
        if self.context.arguments["reboot"] and (versions.packages or versions.reboot_required):
            lines.append(f"{host}: reboot{'' if versions.reboot_required else ', if the packages need it'}")
        return lines

    def run(self) -> None:
        """Upgrade the hosts and wait for the gate; roll them back if one fails. Raises KprovError."""
        hosts = [host for host in self.hosts if self.has_work(host)]
        self._check_rest(hosts)
        memory = self.context.memory
        for host in hosts:
            progress = HostProgress.read(memory, host)
            if progress.begun != self._mark(host):
                before = self.versions[host].current
                replace(progress, before=before, begun=self._mark(host)).store(memory, host)
        try:
            self._upgrade(hosts)
        except KprovError as error:
            raise self._give_up(hosts, error) from error
        for host in hosts:
            replace(HostProgress.read(memory, host), done=self._mark(host)).store(memory, host)
            self._finished.add(host)

    def _describe(self, host: str) -> list[str]:
        return self.describe(host) or [f"{host}: finish the interrupted upgrade"]

    def _mark(self, host: str) -> str:
        """Return what a stored step belongs to: another bundle makes it another upgrade."""
        target = self.targets.get(host)
        return target.digest if target else "programs"

    def _find_wanted(self, host: str, program: str) -> str:
        """Return the version that the inventory or the roles name for an archive, or _PACKAGE."""
        cluster, installed = self.context.cluster, self.versions[host].programs.get(program, _PACKAGE)
        if host not in cluster.members(_GROUPS.get(program, "kube_node")):
            return installed
        variables = cluster.variables[host]
        # Without a value the distribution decides, and stays the same.
        install = getattr(variables, f"{program}_install") or installed
        if install == _PACKAGE:
            return _PACKAGE
        name = _VARIABLES.get(program, f"{program}_version")
        own = getattr(variables, name, None)
        return str(own) if own else _read_default_versions()[name]

    def _check_rest(self, hosts: Collection[str]) -> None:
        """Wait until the rest of the control plane is healthy: it must serve without these hosts."""
        cluster = self.context.cluster
        rest = [host for host in cluster.members("kube_control_plane", "etcd") if host not in hosts]
        rest = [host for host in rest if host not in cluster.engine.unreachable_hosts]
        wait_for(lambda: find_problems(cluster, rest), _REST_SECONDS)

    def _upgrade(self, hosts: Sequence[str]) -> None:
        context, arguments = self.context, self.context.arguments
        if arguments["packages"] or any(self.versions[host].reboot_required for host in hosts):
            playbook = PLAYBOOKS / "upgrade_packages.yml"
            extra = {
                "packages_upgrade": bool(arguments["packages"]),
                "packages_reboot": bool(arguments["reboot"]),
            }
            context.run_playbook(hosts, playbook=playbook, extra_vars=extra)
        # Other API servers may have no key: one host alone must not begin to encrypt. `kprov up` begins.
        encrypts = any(versions.encrypts for versions in self.versions.values())
        context.run_playbook(hosts, extra_vars={} if encrypts else {"kube_encrypt_secret_data": False})
        digests = {host: self.targets[host].digest for host in hosts if host in self.targets}
        pass_gate(context.cluster, hosts, digests, arguments["gate"], arguments["gate_timeout"])

    def _give_up(self, hosts: Sequence[str], error: KprovError) -> UpgradeFailedError:
        """Roll the hosts back if the user wants it and it is possible; return the error with the result."""
        text = f"the upgrade of {', '.join(hosts)} failed: {error}"
        if not self.context.arguments["rollback"]:
            return UpgradeFailedError(f"{text}\n{', '.join(hosts)}: not rolled back (--no-rollback)")
        self.context.say(f"  failed: {error}")
        self.context.say(f"  rolling back {', '.join(hosts)}")
        try:
            result = self._roll_back(hosts)
        except KprovError as second:
            return UpgradeFailedError(f"{text}\nthe rollback failed, too: {second}")
        return UpgradeFailedError(f"{text}\n{result}")

    def _roll_back(self, hosts: Sequence[str]) -> str:
        """Return the hosts to the bundle before; say what was done."""
        memory = self.context.memory
        versions_by_host = read_versions(
            self.context.cluster, [host for host in hosts if host in self.targets]
        )
        digests = {}
        for host, versions in versions_by_host.items():
            before = HostProgress.read(memory, host).before or ""
            if before and (versions.current != before or versions.find_others(before)):
                obstacle = find_obstacle(versions) if versions.current != before else ""
                if obstacle:
                    return f"not rolled back: {obstacle}"
                digests[host] = before
        if digests:
            return_hosts(self.context, digests, timeout=self.context.arguments["gate_timeout"])
        for host in hosts:
            uncordon(self.context, host)
            replace(HostProgress.read(memory, host), begun=None).store(memory, host)
        if not digests:
            return f"{', '.join(hosts)}: the components were not changed yet"
        return f"{', '.join(digests)}: rolled back to bundle {', '.join(sorted(set(digests.values())))}"


def _read_default_versions() -> dict[str, str]:
    """Return the variables *_version of the roles."""
    text = (CONTENT / "roles/kprov_defaults/defaults/main.yml").read_text()
    return {name: str(value) for name, value in yaml.safe_load(text).items() if name.endswith("_version")}
