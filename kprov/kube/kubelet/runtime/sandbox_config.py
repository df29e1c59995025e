"""The PodSandboxConfig of a pod."""

import orjson

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.pods import pod_queries, resources
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.kubelet.runtime import cgroups, dns, security_context

_PROTOCOLS = {"TCP": pb.TCP, "UDP": pb.UDP, "SCTP": pb.SCTP}


def log_directory(pod: Pod, config: KubeletConfig) -> str:
    folder = f"{pod_queries.namespace_of(pod)}_{pod_queries.name_of(pod)}_{pod_queries.uid_of(pod)}"
    return f"{config.pod_logs_dir}/{folder}"


def make(pod: Pod, attempt: int, config: KubeletConfig) -> pb.PodSandboxConfig:
    meta, spec = pod["metadata"], pod["spec"]
    host = dns.read_resolv_conf(config.resolv_conf)
    settings = dns.for_pod(
        pod, host=host, cluster_dns=config.cluster_dns, cluster_domain=config.cluster_domain
    )
    sandbox = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=meta["name"], namespace=pod_queries.namespace_of(pod), uid=meta["uid"], attempt=attempt
        ),
        labels={
            **(meta.get("labels") or {}),
            pod_state.POD_NAME: meta["name"],
            pod_state.POD_NAMESPACE: pod_queries.namespace_of(pod),
            pod_state.POD_UID: meta["uid"],
        },
        annotations=meta.get("annotations") or {},
        log_directory=log_directory(pod, config),
        dns_config=pb.DNSConfig(
            servers=settings.servers, searches=settings.searches, options=settings.options
        ),
        port_mappings=_ports(pod),
    )
    if not pod_queries.uses_host_network(pod):
        name, domain = dns.host_name(pod, config.cluster_domain)
        if spec.get("setHostnameAsFQDN") and domain:
            name = f"{name}.{domain}"
        sandbox.hostname = name
    linux = sandbox.linux
    linux.cgroup_parent = cgroups.parent(pod, config)
    linux.security_context.CopyFrom(security_context.sandbox(pod, root=config.root_dir))
    for item in (spec.get("securityContext") or {}).get("sysctls") or []:
        linux.sysctls[item["name"]] = item["value"]
    linux.resources.CopyFrom(
        pb.LinuxContainerResources(
            cpu_shares=resources.milli_cpu_to_shares(resources.pod_request(pod, "cpu")),
            cpu_period=int(config.cpu_cfs_period * 1_000_000),
            cpu_quota=resources.milli_cpu_to_quota(
                resources.pod_limit(pod, "cpu") or 0, int(config.cpu_cfs_period * 1_000_000)
            ),
            memory_limit_in_bytes=resources.pod_limit(pod, "memory") or 0,
        )
    )
    return sandbox


def _ports(pod: Pod) -> list[pb.PortMapping]:
    """Only host ports matter to the network, and not in the host's own."""
    if pod_queries.uses_host_network(pod):
        return []
    return [
        pb.PortMapping(
            protocol=_PROTOCOLS.get(port.get("protocol", "TCP"), pb.TCP),
            container_port=port["containerPort"],
            host_port=port["hostPort"],
            host_ip=port.get("hostIP", ""),
        )
        for container in [*pod_queries.init_containers(pod), *pod_queries.app_containers(pod)]
        for port in container.get("ports") or []
        if port.get("hostPort")
    ]


def ports_annotation(container: pod_queries.Container) -> str:
    return orjson.dumps(container.get("ports") or []).decode()
