"""Reads and checks the tables: every row is whole, and no two rows contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kprov.contract.components import model
from kprov.contract.components.model import ALL, GROUPS, VARIABLES, Certificate, Component, Runtime
from kprov.contract.components.row import Row
from kprov.errors import InputError

T = TypeVar("T", Component, Runtime)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: A unit's name is part of shell commands and of paths.
_NAME = re.compile(r"[a-z][a-z0-9-]*")


def read_components(file: Path) -> tuple[Component, ...]:
    """Return the components in the order of their rows. Raises InputError."""
    components = _read_table(file, "kprov_components", _read_component)
    _reject_equal(components, file, "start_order", lambda component: [component.start_order])
    _reject_equal(components, file, "stop_order", lambda component: [component.stop_order])
    _reject_equal(components, file, "program", lambda component: [component.program])
    _reject_equal(
        components,
        file,
        "certificates",
        lambda component: [certificate.file for certificate in component.certificates],
    )
    _reject_equal(
        components,
        file,
        "ports",
        lambda component: {(port.port, address) for port in component.ports for address in port.addresses},
    )
    return components


def read_runtimes(file: Path) -> tuple[Runtime, ...]:
    """Return the container runtimes in the order of their rows. Raises InputError."""
    return _read_table(file, "kprov_container_runtimes", _read_runtime)


def _read_table(file: Path, variable: str, read: Callable[[str, Row], T]) -> tuple[T, ...]:
    document = yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506 - a safe loader
    rows = document.get(variable) if isinstance(document, dict) else None
    if not isinstance(rows, dict) or not rows:
        raise InputError("must be a mapping of rows", file=file, field=variable)
    entries = []
    for name, value in rows.items():
        row = Row(value, file, f"{variable}.{name}")
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise row.error("", "the name of a unit consists of lower-case letters, digits and -")
        entries.append(read(name, row))
        row.finish()
    return tuple(entries)


def _reject_equal(
    components: tuple[Component, ...], file: Path, field: str, find: Callable[[Component], Iterable[Any]]
) -> None:
    owners: dict[Any, str] = {}
    for component in components:
        for value in find(component):
            if value and value in owners:
                shown = value[0] if isinstance(value, tuple) else value
                text = f"{shown} is that of {owners[value]} already"
                raise InputError(text, file=file, field=f"kprov_components.{component.name}.{field}")
            owners[value] = component.name


def _read_component(name: str, row: Row) -> Component:
    component = Component(
        name=name,
        groups=row.texts("groups", required=True, choices=(ALL, *GROUPS)),
        start_order=row.integer("start_order"),
        stop_order=row.integer("stop_order"),
        enabled_by=row.text("enabled_by", default="", choices=("kube_vip_address",)),
        own_file=row.text("own_file", default=f"/etc/systemd/system/{name}.service"),
        program=row.text("program", default=""),
        user=row.text("user", default="", variables=("kube_owner",)),
        package=_read_package(row.row("package")),
        ports=tuple(_read_port(port) for port in row.rows("ports")),
        certificates=tuple(_read_certificate(certificate) for certificate in row.rows("certificates")),
        kubeconfig=_read_kubeconfig(row.row("kubeconfig")),
        read_at_start=row.paths("read_at_start", VARIABLES),
        settings=row.paths("settings", VARIABLES),
        diagnosed=row.paths("diagnosed", VARIABLES),
        endpoints=row.texts("endpoints"),
        health_gate=row.boolean("health_gate"),
        restore=row.text("restore", default="", choices=("stop", "restart")),
        benchmark=row.boolean("benchmark"),
        removed=row.paths("removed", VARIABLES),
        emptied=row.paths("emptied", VARIABLES),
    )
    if not component.groups:
        raise row.error("groups", "must name a group, or all")
    own = {certificate.file for certificate in component.certificates}
    if component.kubeconfig is not None and component.kubeconfig.certificate not in own:
        text = f"{component.kubeconfig.certificate!r} is no certificate of this component"
        raise row.error("kubeconfig.certificate", text)
    return component


def _read_port(row: Row) -> model.Port:
    port = model.Port(
        port=row.port("port", model.PORT_VARIABLES),
        addresses=row.texts("addresses", required=True, variables=VARIABLES),
        protocols=row.texts("protocols", default=("tcp",), choices=("tcp", "udp")),
        title=row.text("title", default=""),
        clients=row.texts("clients", choices=GROUPS),
    )
    if port.clients and not port.title:
        raise row.error("title", "is missing: a port with clients needs one")
    row.finish()
    return port


def _read_certificate(row: Row) -> Certificate:
    certificate = Certificate(
        file=row.text("file"),
        authority=row.text("authority", choices=model.AUTHORITIES),
        common_name=row.text("common_name", variables=model.NAME_VARIABLES),
        organizations=row.texts("organizations", variables=model.NAME_VARIABLES),
        names=row.texts("names", choices=model.NAMES),
        usages=row.texts("usages", required=True, choices=("client", "server")),
    )
    if "server" in certificate.usages and not certificate.names:
        raise row.error("names", "is missing: clients check the names of a server's certificate")
    row.finish()
    return certificate


def _read_kubeconfig(row: Row | None) -> model.Kubeconfig | None:
    if row is None:
        return None
    kubeconfig = model.Kubeconfig(
        row.text("file"), row.text("certificate"), row.text("authority", choices=("ca.crt", "node-ca.crt"))
    )
    row.finish()
    return kubeconfig


def _read_package(row: Row | None) -> model.Package | None:
    if row is None:
        return None
    package = model.Package(row.text("name"), row.text("archive"))
    row.finish()
    return package


def _read_runtime(name: str, row: Row) -> Runtime:
    return Runtime(
        name=name,
        start_order=row.integer("start_order"),
        role=row.text("role"),
        socket=row.text("socket"),
        packages=row.texts("packages", required=True),
        own_file=row.text("own_file"),
        data_dir=row.text("data_dir"),
        log_format=row.text("log_format", choices=("cri",)),
        programs=row.texts("programs", required=True),
        listing=row.text("listing"),
        diagnosed=row.paths("diagnosed", ()),
        removed=row.paths("removed", ()),
        emptied=row.paths("emptied", ()),
        removed_if_empty=row.paths("removed_if_empty", ()),
    )
