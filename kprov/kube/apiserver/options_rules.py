"""Validate flags and the files that they name, before the server starts.

Source: upstream cmd/kube-apiserver/app/options/validation.go, apiserver/pkg/server/options (Validate).
"""

from __future__ import annotations

import ipaddress
import ssl
from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from kprov.kube.apiserver.registry.core.service.allocators.node_port import PortRange

_PORT_MOST: Final = 65535
_FILES: Final = (
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "client-ca-file",
    "tls-cert-file",
    "tls-private-key-file",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-certificate-authority",
    "service-account-signing-key-file",
    "requestheader-client-ca-file",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "token-auth-file",
)
_AUTHORITIES: Final = (
    "etcd-cafile",
    "client-ca-file",
    "kubelet-certificate-authority",
    "requestheader-client-ca-file",
)
_NOT_NEGATIVE: Final = (
    "max-requests-inflight",
    "max-mutating-requests-inflight",
    "request-timeout",
    "min-request-timeout",
    "shutdown-delay-duration",
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
)
_RECONCILERS: Final = ("lease", "none")
_CIDRS_MOST: Final = 2


def find_problems(options: Namespace) -> list[str]:
    """Return the problems of parsed flags and of the files that they name."""
    return [
        *_check_numbers(options),
        *_check_addresses(options),
        *_check_ranges(options),
        *_check_choices(options),
        *_check_files(options),
    ]


def _get(options: Namespace, flag: str) -> object:
    return getattr(options, flag.replace("-", "_"))


def _check_numbers(options: Namespace) -> Iterator[str]:
    port = options.secure_port
    if not 1 <= port <= _PORT_MOST:
        yield f"--secure-port {port} must be between 1 and 65535, inclusive. It cannot be turned off with 0"
    for flag in _NOT_NEGATIVE:
        value = _get(options, flag)
        assert isinstance(value, int | float)
        if value < 0:
            yield f"--{flag} can not be negative value"
    if options.max_requests_inflight == options.max_mutating_requests_inflight == 0:
        yield (
            "--max-requests-inflight=0 and --max-mutating-requests-inflight=0: "
            "they must add up to something positive"
        )


def _check_addresses(options: Namespace) -> Iterator[str]:
    for flag in ("bind-address", "advertise-address"):
        text = _get(options, flag)
        if not text:
            continue
        try:
            ipaddress.ip_address(str(text))
        except ValueError:
            yield f'--{flag}: failed to parse IP: "{text}"'


def _check_ranges(options: Namespace) -> Iterator[str]:
    parts = [part.strip() for part in options.service_cluster_ip_range.split(",") if part.strip()]
    families = []
    for index, part in enumerate(parts):
        try:
            families.append(ipaddress.ip_network(part, strict=False).version)
        except ValueError:
            yield f"--service-cluster-ip-range[{index}] is not a valid cidr: {part}"
    if len(parts) > _CIDRS_MOST:
        yield "--service-cluster-ip-range must not contain more than two entries"
    elif len(families) == _CIDRS_MOST and families[0] == families[1]:
        yield "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family"
    problem = _check_port_range(options.service_node_port_range)
    if problem:
        yield f"--service-node-port-range {options.service_node_port_range}: {problem}"


def _check_port_range(text: str) -> str:
    """Return the problem of the range, or ""."""
    try:
        ports = PortRange.parse(text)
    except ValueError:
        return "expected a form such as 30000-32767 or 30000+2767"
    if ports.high > _PORT_MOST:
        return "the port range cannot be greater than 65535"
    return "the port range must not end before it begins" if ports.high < ports.low else ""


def _check_choices(options: Namespace) -> Iterator[str]:
    modes = options.authorization_mode
    if len(set(modes)) < len(modes):
        shown = " ".join(f'"{mode}"' for mode in modes)
        yield f"--authorization-mode [{shown}] has mode specified more than once"
    if options.endpoint_reconciler_type not in _RECONCILERS:
        known = ", ".join(_RECONCILERS)
        yield f"--endpoint-reconciler-type {options.endpoint_reconciler_type} is not supported ({known})"
    for name, value in options.feature_gates.items():
        if value.lower() not in {"true", "false", "t", "f", "1", "0"}:
            yield f"--feature-gates: invalid value of {name}={value}: expected true or false"
    if not (options.tls_cert_file and options.tls_private_key_file):
        yield "--tls-cert-file and --tls-private-key-file must be given"


def _check_files(options: Namespace) -> Iterator[str]:
    named = [(flag, str(path)) for flag in _FILES if (path := _get(options, flag))]
    named += [("service-account-key-file", path) for path in options.service_account_key_file]
    for flag, path in named:
        try:
            with open(path, "rb") as file:
                file.read(1)
        except OSError as error:
            yield f"--{flag}: {path}: {(error.strerror or str(error)).lower()}"
            continue
        if flag in _AUTHORITIES:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            except ssl.SSLError:
                yield f"--{flag}: {path}: the file has no certificate in PEM"
