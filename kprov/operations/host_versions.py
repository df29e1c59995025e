"""Reads the versions on a host: its bundles, the programs from archives, and packages. Changes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from kprov.bundle.metadata import FILE, Metadata, parse_metadata
from kprov.contract.components.table import find_runtime
from kprov.operations.cluster import Cluster
from kprov.operations.remote import run_command


def list_programs() -> tuple[str, ...]:
    """Return the programs that a host may have from archives, by their names below archives/."""
    return ("etcd", *find_runtime().packages, "cni_plugins", "kubectl")


# Prints lines KEY=VALUE. A process has the digest of its bundle in its environment.
_SCRIPT = """\
cd {root} 2>/dev/null || exit 0
for link in current previous; do
  test -e $link/.complete || continue
  echo "$link=$(basename "$(readlink $link)")"
  echo "$link.metadata=$(cat $link/{file} 2>/dev/null | tr -d '\\n')"
  options=$link/lib/kprov/kube/component_base/options.py
  echo "$link.version=$(sed -n 's/^VERSION: Final = "\\(.*\\)"/\\1/p' $options)"
done
echo "pinned=$(cat pinned 2>/dev/null)"
flag=encryption-provider-config unit=etc/systemd/system/kube-apiserver.service
if grep -qs $flag /$unit; then
  provider='s/^ *- \\(identity\\|secretbox\\|aesgcm\\|aescbc\\|kms\\):.*/\\1/p'
  echo "encrypts=$(sed -n "$provider" {config}/encryption-config.yaml 2>/dev/null | head -n 1)"
fi
echo "previous.decrypts=$(tar -xOf previous/settings.tar $unit 2>/dev/null | grep -c $flag)"
for program in {programs}; do echo "archive.$program=$(readlink archives/$program)"; done
for unit in $(grep -ls '^Environment=KPROV_BUNDLE=' /etc/systemd/system/*.service); do
  name=$(basename "$unit" .service); pid=$(systemctl show --property=MainPID --value "$name")
  digest=$(cat "/proc/$pid/environ" 2>/dev/null | tr '\\0' '\\n' | sed -n 's/^KPROV_BUNDLE=//p')
  echo "runs.$name=$digest"
done
"""
# The host's own lists may be old: new ones go to a folder of their own, because a plan changes nothing.
_PACKAGES = """\
command -v apt-get >/dev/null || exit 0
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
set -- -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
apt-get update --quiet=2 "$@" -o Dir::State::Lists="$lists" >/dev/null 2>&1 &&
  set -- "$@" -o Dir::State::Lists="$lists"
LC_ALL=C apt-get --simulate --quiet "$@" dist-upgrade |
  sed -n 's/^Inst \\([^ ]*\\) \\[\\([^]]*\\)\\] (\\([^ ]*\\) .*/\\1 \\2 \\3/p'
test ! -e /run/reboot-required || echo reboot
"""


@dataclass(frozen=True)
class HostVersions:
    """The versions on a host. Digests are empty where there is no bundle.

    `encrypts`: whether the API server encrypts what it stores; `previous_decrypts`: whether the previous
    one has a key. `programs`: versions from archives by program; `running`: the digest of the bundle that
    each component runs from, empty if it does not run; `packages`: name, installed and available version of
    each package that can be upgraded.
    """

    host: str
    current: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    previous: str = ""
    previous_metadata: Metadata = field(default_factory=Metadata)
    pinned: str = ""
    encrypts: bool = False
    previous_decrypts: bool = False
    programs: dict[str, str] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    packages: tuple[tuple[str, str, str], ...] = ()
    reboot_required: bool = False

    def find_others(self, digest: str) -> list[str]:
        """Return the components that do not run from this bundle."""
        return sorted(unit for unit, running in self.running.items() if running != digest)


def read_versions(
    cluster: Cluster, hosts: Iterable[str], *, packages: bool = False
) -> dict[str, HostVersions]:
    """Read the versions of the hosts; `packages`: also packages that can be upgraded. Raises HostError."""
    hosts = list(hosts)

    def read(host: str) -> HostVersions:
        script = _SCRIPT.format(
            root=shlex.quote(cluster.variables[host].bundle_root),
            config=shlex.quote(cluster.variables[host].kube_config_dir),
            file=FILE,
            programs=" ".join(list_programs()),
        )
        listed = run_command(cluster, host, _PACKAGES) if packages else ""
        return parse_versions(host, run_command(cluster, host, script), listed)

    with ThreadPoolExecutor(max_workers=max(1, min(cluster.engine.options.forks, len(hosts)))) as pool:
        return dict(zip(hosts, pool.map(read, hosts), strict=True))


def parse_versions(host: str, text: str, packages: str = "") -> HostVersions:
    """Parse what the commands print on a host."""
    values = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    listed = [tuple(line.split()) for line in packages.splitlines()]
    return HostVersions(
        host,
        values.get("current", ""),
        _read_metadata(values, "current"),
        values.get("previous", ""),
        _read_metadata(values, "previous"),
        values.get("pinned", ""),
        values.get("encrypts", "") not in {"", "identity"},
        values.get("previous.decrypts", "0") not in {"", "0"},
        {
            program: link.removeprefix(f"{program}-").rpartition("-")[0]
            for program in list_programs()
            if (link := values.get(f"archive.{program}"))
        },
        {key.removeprefix("runs."): value for key, value in values.items() if key.startswith("runs.")},
        tuple((words[0], words[1], words[2]) for words in listed if len(words) == 3),
        ("reboot",) in listed,
    )


def _read_metadata(values: dict[str, str], link: str) -> Metadata:
    text = values.get(f"{link}.metadata")
    return parse_metadata(text) if text else Metadata(version=values.get(f"{link}.version", ""))
