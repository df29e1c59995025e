"""The command line of the kubelet. Flags win over the configuration file, the file over the defaults."""

import os
import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.meta import NodeName
from kprov.kube.component_base import configfile
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.component_base.options import FlagSet
from kprov.kube.kubelet.config import configuration
from kprov.kube.kubelet.config.configuration import KubeletConfiguration

_TAINT: Final = re.compile(r"([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)")


def _make_flags() -> FlagSet:
    flags = FlagSet("kubelet", "the node agent: runs the pods bound to its node")
    flags.string("config", "", "file with a KubeletConfiguration")
    flags.string("kubeconfig", "", "kubeconfig file for the API server; without it only static pods run")
    flags.string("hostname-override", "", "name of the node instead of the host's name")
    flags.string("node-ip", "", "the node's addresses, one of each family, comma separated")
    flags.string_map("node-labels", "labels to set when registering the node")
    flags.string("register-with-taints", "", "taints to register with: key=value:effect, comma separated")
    flags.boolean("register-node", True, "register the node with the API server")
    flags.string("root-dir", configuration.DEFAULT_ROOT_DIR, "directory for the kubelet's files")
    flags.string("container-runtime-endpoint", "", "socket of the container runtime; wins over the file")
    flags.string("pod-infra-container-image", "", "accepted and ignored; the container runtime sets it")
    return flags


def parse(argv: Sequence[str] | None = None) -> KubeletConfiguration:
    """Raise ConfigError. Wrong flags end the process."""
    options = _make_flags().parse(argv)
    config = KubeletConfiguration()
    if options.config:
        document = configfile.load(options.config, configuration.API_VERSION, configuration.KIND)
        try:
            configuration.read_document(config, document)
        except ConfigError as error:
            raise ConfigError(f"{options.config}: {error}") from error
    else:
        config.eviction_hard = dict(configuration.DEFAULT_EVICTION_HARD)
    config.kubeconfig = options.kubeconfig
    config.root_dir = options.root_dir.rstrip("/")
    config.node_name = NodeName((options.hostname_override or os.uname().nodename).strip().lower())
    config.node_ips = [part.strip() for part in options.node_ip.split(",") if part.strip()]
    config.node_labels = options.node_labels
    config.register_node = config.register_node and options.register_node
    config.verbosity = options.v
    if options.register_with_taints:
        config.taints = [_parse_taint(text) for text in options.register_with_taints.split(",")]
    if options.container_runtime_endpoint:
        config.endpoint = options.container_runtime_endpoint
    if "://" not in config.endpoint:
        config.endpoint = f"unix://{config.endpoint}"
    return config


def _parse_taint(text: str) -> dict[str, str]:
    match = _TAINT.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f'--register-with-taints: "{text}" must be of the form key=value:effect')
    taint = {"key": match[1], "effect": match[3]}
    return taint | ({"value": match[2]} if match[2] else {})
