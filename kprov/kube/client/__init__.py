"""kubeconfig, REST, store, informers, work queue, leader election, events.

Called by every component but the API server. Imports component_base, api, machinery.
"""

from kprov.kube.client.errors import ApiError, ClientError, TransportError
from kprov.kube.client.events import EventRecorder, reference
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.informer import Informer
from kprov.kube.client.kubeconfig import KubeconfigError
from kprov.kube.client.leader_election import LeaderElector, LeadershipLost
from kprov.kube.client.resource import Bookmark, ResourceClient, WatchEvent
from kprov.kube.client.rest import RestClient
from kprov.kube.client.workqueue import QueueClosed, WorkQueue, run_workers

__all__ = [
    "ApiError",
    "Bookmark",
    "ClientError",
    "EventRecorder",
    "Informer",
    "InformerFactory",
    "KubeconfigError",
    "LeaderElector",
    "LeadershipLost",
    "QueueClosed",
    "ResourceClient",
    "RestClient",
    "TransportError",
    "WatchEvent",
    "WorkQueue",
    "reference",
    "run_workers",
]
