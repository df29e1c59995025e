"""The PodSandboxConfig of a pod (generatePodSandboxConfig)."""

from kprov.kube.api.core import Pod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.pods import resources, sysctls
from kprov.kube.kubelet.runtime import cgroups, dns, security_context

_PROTOCOLS = {"TCP": pb.TCP, "UDP": pb.UDP, "SCTP": pb.SCTP}


def get_log_directory(pod: Pod, config: KubeletConfiguration) -> str:
    meta = pod.metadata
    return f"{config.pod_logs_dir}/{meta.namespace}_{meta.name}_{meta.uid}"


def generate_pod_sandbox_config(
    pod: Pod, attempt: int, config: KubeletConfiguration, users: pb.UserNamespace
) -> pb.PodSandboxConfig:
    meta, spec = pod.metadata, pod.spec
    pod_dns = dns.get_pod_dns(
        pod,
        host=dns.read_resolv_conf(config.resolv_conf),
        cluster_dns=config.cluster_dns,
        cluster_domain=config.cluster_domain,
    )
    sandbox = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=meta.name, namespace=meta.namespace, uid=meta.uid, attempt=attempt
        ),
        labels={
            **meta.labels,
            pod_state.POD_NAME: meta.name,
            pod_state.POD_NAMESPACE: meta.namespace,
            pod_state.POD_UID: meta.uid,
        },
        annotations=meta.annotations,
        log_directory=get_log_directory(pod, config),
        dns_config=pb.DNSConfig(servers=pod_dns.servers, searches=pod_dns.searches, options=pod_dns.options),
        port_mappings=_make_port_mappings(pod),
    )
    if not spec.host_network:
        name, domain = dns.get_host_name(pod, config.cluster_domain)
        if spec.set_hostname_as_fqdn and domain:
            name = f"{name}.{domain}"
        sandbox.hostname = name
    linux = sandbox.linux
    linux.cgroup_parent = cgroups.get_cgroup_parent(pod, config)
    linux.security_context.CopyFrom(security_context.make_sandbox_context(pod, users, root=config.root_dir))
    for item in (spec.security_context or {}).get("sysctls") or []:
        linux.sysctls[sysctls.normalize(item["name"])] = item["value"]
    period = int(config.cpu_cfs_period * 1_000_000)
    linux.resources.CopyFrom(
        pb.LinuxContainerResources(
            cpu_shares=resources.milli_cpu_to_shares(resources.sum_requests(pod, "cpu")),
            cpu_period=period,
            cpu_quota=resources.milli_cpu_to_quota(resources.sum_limits(pod, "cpu") or 0, period),
            memory_limit_in_bytes=resources.sum_limits(pod, "memory") or 0,
        )
    )
    return sandbox


def _make_port_mappings(pod: Pod) -> list[pb.PortMapping]:
    """Host ports only. The network needs none for a pod in the host's network."""
    if pod.spec.host_network:
        return []
    return [
        pb.PortMapping(
            protocol=_PROTOCOLS.get(port.protocol, pb.TCP),
            container_port=port.container_port,
            host_port=port.host_port,
            host_ip=port.host_ip,
        )
        for container in [*pod.spec.init_containers, *pod.spec.containers]
        for port in container.ports
        if port.host_port
    ]
