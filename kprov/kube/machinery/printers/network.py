"""Cells of services, ingresses and endpoints.

Source: upstream pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.printers import cells
from kprov.kube.machinery.printers.cells import NONE, UNKNOWN, UNSET, Cells


def _service_port(port: JsonMapping) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def service(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    ports = [_service_port(port) for port in spec.get("ports") or ()]
    return [
        cells.name(obj),
        spec.get("type", ""),
        (spec.get("clusterIPs") or [NONE])[0],
        _external_ip(spec, cells.status(obj)),
        ",".join(ports) or NONE,
        cells.age(obj, now),
        cells.labels(spec.get("selector")),
    ]


def _external_ip(spec: JsonMapping, status: JsonMapping) -> str:
    external = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(external) or NONE
        case "LoadBalancer":
            balancer = cells.load_balancer(status)
            return ",".join([*([balancer] if balancer else []), *external]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return UNKNOWN


def ingress(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    rules = spec.get("rules") or ()
    hosts = [rule["host"] for rule in rules[:3] if rule.get("host")]
    return [
        cells.name(obj),
        spec.get("ingressClassName") or NONE,
        cells.join(hosts, len(rules), 3) if hosts else "*",
        cells.load_balancer(cells.status(obj)),
        "80, 443" if spec.get("tls") else "80",
        cells.age(obj, now),
    ]


def ingress_class(obj: JsonMapping, now: float) -> Cells:
    parameters = cells.spec(obj).get("parameters")
    shown = NONE
    if parameters:
        group = parameters.get("apiGroup")
        shown = f"{parameters['kind']}{'.' + group if group else ''}/{parameters['name']}"
    name = cells.default_marked(obj, "ingressclass.kubernetes.io/is-default-class")
    return [name, cells.spec(obj).get("controller", ""), shown, cells.age(obj, now)]


def ip_address(obj: JsonMapping, now: float) -> Cells:
    """Includes the age, for which upstream has a cell but no column."""
    parent = cells.spec(obj).get("parentRef")
    shown = NONE
    if parent:
        resource = parent.get("resource", "") + (f".{parent['group']}" if parent.get("group") else "")
        namespace = f"/{parent['namespace']}" if parent.get("namespace") else ""
        shown = f"{resource.lower()}{namespace}/{parent.get('name', '')}"
    return [cells.name(obj), shown, cells.age(obj, now)]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def endpoints(obj: JsonMapping) -> str:
    texts: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            texts += addresses
        for port in ports or ():
            texts += [_host_port(address, port["port"]) for address in addresses]
    if not obj.get("subsets"):
        return NONE
    return cells.join(texts[:3], len(texts), 3)


def _endpoint_port(port: JsonMapping) -> str:
    return next((str(port[name]) for name in ("port", "name") if port.get(name) is not None), "*")


def endpoint_slice(obj: JsonMapping, now: float) -> Cells:
    ports = [_endpoint_port(port) for port in obj.get("ports") or ()]
    addresses = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()]
    return [
        cells.name(obj),
        obj.get("addressType", ""),
        cells.join(ports[:3], len(ports), 3) or UNSET,
        cells.join(addresses[:3], len(addresses), 3) or UNSET,
        cells.age(obj, now),
    ]
