"""Handlers of subresources and of resources that are not stored, by (group, plural, subresource).

Built by app.py, called by handlers.verbs. One file a subject: binding, eviction, scale, reviews, and the
connections to pods and nodes (pod_log, pod_streams, proxy).
"""

from __future__ import annotations

from argparse import Namespace

from kprov.kube.apiserver import authn, authz
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.streaming.kubelet import Kubelets
from kprov.kube.apiserver.subresources import (
    approval,
    binding,
    component_status,
    custom_scale,
    eviction,
    pod_spec,
    proxy,
    reviews,
    scale,
)
from kprov.kube.apiserver.subresources import pod_log as log
from kprov.kube.apiserver.subresources import pod_streams as streams
from kprov.kube.apiserver.subresources.call import SubresourceHandler, SubresourceHandlers


def build(
    options: Namespace,
    registry: Registry,
    authenticator: authn.Union,
    authorizer: authz.Union,
) -> SubresourceHandlers:
    """Build all handlers. Raise OSError for a kubelet client certificate that cannot be read."""
    kubelets = Kubelets(options, registry)
    streaming = streams.StreamHandlers(kubelets, authorizer)
    proxies = proxy.ProxyHandlers(kubelets)
    settings = ServerSettings.from_options(options)
    handlers: dict[tuple[str, str, str], SubresourceHandler] = {
        ("", "bindings", ""): binding.bind,
        ("", "componentstatuses", ""): component_status.read_component_statuses,
        ("", "pods", "binding"): binding.bind,
        ("", "pods", "eviction"): eviction.evict,
        ("", "pods", "ephemeralcontainers"): pod_spec.PodPartHandler(
            pod_spec.EphemeralContainersStrategy, settings
        ).handle,
        ("", "pods", "resize"): pod_spec.PodPartHandler(pod_spec.ResizeStrategy, settings).handle,
        ("", "pods", "log"): log.LogHandler(kubelets).handle,
        ("", "pods", "exec"): streaming.exec,
        ("", "pods", "attach"): streaming.attach,
        ("", "pods", "portforward"): streaming.port_forward,
        ("", "pods", "proxy"): proxies.pod,
        ("", "nodes", "proxy"): proxies.node,
        ("", "services", "proxy"): proxies.service,
    }
    handlers["certificates.k8s.io", "certificatesigningrequests", "approval"] = (
        approval.ApprovalHandler().handle
    )
    for group, plural in scale.SCALED:
        handlers[group, plural, "scale"] = scale.handle_scale
    handlers["*", "*", "scale"] = custom_scale.handle_scale
    return handlers | dict(reviews.build_handlers(options, registry, authenticator, authorizer))
