"""Creates, removes, starts, kills and lists labs and their hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import InputError
from kprov.lab import access, cgroups, disk, image, kernel, machine, network, packages, state
from kprov.lab.definition import STATE, Host, Lab

Say = Callable[[str], None]


@dataclass(frozen=True)
class HostState:
    """A host for `kprov lab list`; memory is in bytes, None if it is off."""

    lab: str
    name: str
    address: str
    running: bool
    memory: int | None


def create_lab(lab: Lab, say: Say) -> list[str]:
    """Create the lab or its missing parts; return the booted hosts, none if all ran.

    Raises:
        InputError: a lab of that name has other addresses, or another lab has these.
        KprovError, HostError: an operation on this machine failed; the next call continues.

    """
    packages.ensure_packages(say)
    with state.lock_lab(lab.name):
        record = state.load_record(lab.name)
        lab = _extend_lab(record, lab)
        images = _ensure_images(record, lab, say)
        if record and any(images.get(release) != path for release, path in record.images.items()):
            say("The image of the lab no longer exists: creating its hosts again")
            _remove_hosts(lab.name)
        kernel.raise_limits()
        access.ensure_key(lab)
        off = [host for host in lab.hosts if machine.find_process(host) is None]
        if record and record.lab == lab and not off:
            network.ensure_bridge(lab)
            return []
        network.ensure_bridge(lab)
        for host in lab.hosts:
            disk.create_layer(lab, host)
            disk.authorize_key(lab, host, images[host.release])
        access.write_known_hosts(lab)
        state.save_record(state.Record(lab, images))
        if off:
            say(f"Booting {', '.join(host.name for host in off)}")
            _boot_all(lab, off, images)
        return [host.name for host in off]


def remove_lab(name: str) -> list[str]:
    """Remove a lab and all its remains, even without a record; return what was removed."""
    with state.lock_lab(name):
        removed = _remove_hosts(name)
        if not state.list_names():
            kernel.restore_limits()
        for folder in (STATE, STATE.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return removed


def start_hosts(name: str, hosts: list[str]) -> list[str]:
    """Boot hosts with their disks (all if none is named); return those that were off."""
    with state.lock_lab(name):
        record = state.require_record(name)
        off = [host for host in _choose_hosts(record.lab, hosts) if machine.find_process(host) is None]
        if off:
            kernel.raise_limits()
            network.ensure_bridge(record.lab)
            _boot_all(record.lab, off, record.images)
        return [host.name for host in off]


def kill_hosts(name: str, hosts: list[str]) -> list[str]:
    """Power hosts off; return those that were on."""
    with state.lock_lab(name):
        record = state.require_record(name)
        return [host.name for host in _choose_hosts(record.lab, hosts) if machine.kill_host(host)]


def reinstall_hosts(name: str, hosts: list[str]) -> list[str]:
    """Power hosts off, erase their disks, and boot them from the image: as bare hosts with new SSH keys."""
    with state.lock_lab(name):
        record = state.require_record(name)
        lab = record.lab
        chosen = _choose_hosts(lab, hosts)
        kernel.raise_limits()
        network.ensure_bridge(lab)
        for host in chosen:
            machine.kill_host(host)
            disk.erase_layer(host)
            disk.create_layer(lab, host)
            disk.authorize_key(lab, host, record.images[host.release])
        access.write_known_hosts(lab)
        _boot_all(lab, chosen, record.images)
        return [host.name for host in chosen]


def list_hosts(names: Iterable[str]) -> list[HostState]:
    """Return all hosts of the labs."""
    hosts = []
    for name in names:
        for host in state.require_record(name).lab.hosts:
            running = machine.find_process(host) is not None
            memory = cgroups.read_memory(host) if running else None
            hosts.append(HostState(name, host.name, host.address, running, memory))
    return hosts


def find_host(name: str, host: str) -> tuple[Lab, Host]:
    """Return a host of a lab by its name."""
    lab = state.require_record(name).lab
    return lab, _choose_hosts(lab, [host])[0]


def _ensure_images(record: state.Record | None, lab: Lab, say: Say) -> dict[str, Path]:
    """Return the image of each release of the hosts: those of the record as long as they exist."""
    images = record.images if record else {}
    return {
        release: images[release]
        if release in images and images[release].is_dir()
        else image.ensure_image(release, say)
        for release in dict.fromkeys(host.release for host in lab.hosts)
    }


def _boot_all(lab: Lab, hosts: list[Host], images: Mapping[str, Path]) -> None:
    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        for result in [pool.submit(machine.boot_host, lab, host, images[host.release]) for host in hosts]:
            result.result()


def _choose_hosts(lab: Lab, names: list[str]) -> list[Host]:
    hosts_by_name = {host.name: host for host in lab.hosts}
    for name in names:
        if name not in hosts_by_name:
            raise InputError(f"lab {lab.name} has no host {name!r}; it has {', '.join(hosts_by_name)}")
    return [hosts_by_name[name] for name in names] or list(hosts_by_name.values())


def _extend_lab(record: state.Record | None, requested: Lab) -> Lab:
    """Return the requested lab. An existing lab can get more hosts; other changes need `kprov lab down`."""
    for name in state.list_names():
        other = state.require_record(name).lab
        if name != requested.name and other.network.overlaps(ipaddress.IPv4Network(requested.subnet)):
            raise InputError(f"{requested.subnet} overlaps {other.subnet} of lab {name}", field="subnet")
    if record is None:
        return requested
    have = record.lab
    remedy = f"`kprov lab down --name {have.name}` first"
    if have.subnet != requested.subnet:
        raise InputError(f"lab {have.name} has {have.subnet}; {remedy}", field="subnet")
    if have.releases != requested.releases:
        text = f"lab {have.name} has {','.join(have.releases)}; {remedy}"
        raise InputError(text, field="release")
    if have.host_count > requested.host_count:
        raise InputError(f"lab {have.name} has {have.host_count} hosts; {remedy}", field="hosts")
    return requested


def _remove_hosts(name: str) -> list[str]:
    folder = STATE / name
    removed = [f"host {path.parent.name}" for path in sorted(folder.glob("*/root"))]
    cgroups.remove_lab_groups(name)
    removed += network.remove_network(name)
    if folder.is_dir():
        disk.remove_tree(folder)
        removed.append(f"state {folder}")
    return removed
