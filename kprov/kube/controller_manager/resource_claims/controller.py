"""Generates claims for pods, reserves those of pods without scheduler, and cleans up (resourceclaim)."""

from collections import deque
from typing import Final

from kprov.kube.api.core import Pod, PodResourceClaim
from kprov.kube.client import ApiError, reference, run_workers
from kprov.kube.client.resource import APPLY_PATCH
from kprov.kube.client.store import key_of
from kprov.kube.component_helpers.pod_resource_claims import (
    GROUP,
    find_claim_name,
    find_owning_pod,
    get_generated_names,
    index_by_resource_claim,
    is_allocated,
    is_claim_of_pod,
    is_reserved_for,
    list_claim_names,
    list_reservations,
)
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.resource_claims.cleanup import ClaimCleanup, is_done
from kprov.kube.controller_manager.resource_claims.generated_claim import make_claim
from kprov.kube.controller_manager.resource_claims.metrics import (
    POD_CLAIM_ANNOTATION,
    count_claims,
    count_creation,
)
from kprov.kube.machinery.json_object import JsonObject

_FIELD_MANAGER: Final = "ResourceClaimController"
_POD: Final = "pod:"
_CLAIM: Final = "claim:"
_CLAIM_INDEX: Final = "resource-claim"
_TEMPLATE_INDEX: Final = "resource-claim-template"
_OWNER_INDEX: Final = "owning-pod"
#: How many deleted pods are remembered, so that nobody asks the server for them.
_DELETED_PODS: Final = 500


class ResourceClaimController(Controller):
    """Keys are pod:NAMESPACE/NAME and claim:NAMESPACE/NAME."""

    name = "resource_claim"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._pods = informers.informer(
            "",
            "v1",
            "pods",
            Pod,
            indexers={_CLAIM_INDEX: index_by_resource_claim, _TEMPLATE_INDEX: _index_by_template},
        )
        self._claims = informers.informer(
            GROUP, "v1", "resourceclaims", indexers={_OWNER_INDEX: _index_by_owning_pod}
        )
        self._templates = informers.informer(GROUP, "v1", "resourceclaimtemplates")
        self._recorder = context.make_recorder("resource_claim")
        self._cleanup = ClaimCleanup(
            self.resource_of(self._claims), find_pod=self._pods.get, is_live=self._is_pod_live
        )
        self._deleted_pods: deque[str] = deque(maxlen=_DELETED_PODS)
        # Generated claims that the informer does not show yet, by UID of the pod and name of the entry.
        self._created: dict[tuple[str, str], str] = {}
        count_claims(self._claims)
        self._pods.add_handler(
            on_add=self._handle_pod,
            on_update=lambda _, new: self._handle_pod(new),
            on_delete=self._handle_deleted_pod,
        )
        self._claims.add_handler(
            on_add=self._handle_claim,
            on_update=lambda _, new: self._handle_claim(new),
            on_delete=self._handle_pods_of_claim,
        )
        self._templates.add_handler(
            on_add=self._handle_template, on_update=lambda _, new: self._handle_template(new)
        )

    async def run(self) -> None:
        workers = self.context.options.concurrent_resourceclaim_syncs
        await run_workers(self.queue, self.sync, workers=workers, name=self.name)

    async def sync(self, key: str) -> None:
        kind, _, path = key.partition(":")
        namespace, _, name = path.partition("/")
        if f"{kind}:" == _CLAIM:
            claim = self._claims.get(namespace, name)
            if claim is not None:
                await self._cleanup.clean(claim)
            return
        pod = self._pods.get(namespace, name)
        if pod is not None and not pod.metadata.deletion_timestamp:
            await self._sync_pod(pod)

    async def _sync_pod(self, pod: Pod) -> None:
        names = get_generated_names(pod)
        for entry in pod.spec.resource_claims:
            try:
                name = await self._ensure_claim(pod, entry, names)
            except (ApiError, ValueError) as error:
                text = f"PodResourceClaim {entry.name}: {error}"
                about = reference(pod, "v1", "Pod")
                self._recorder.event(about, "Warning", "FailedResourceClaimCreation", text)
                raise
            if name is not None:
                names[entry.name] = name
        if names != get_generated_names(pod):
            await self._write_names(pod, names)
        if pod.spec.node_name:
            for entry in pod.spec.resource_claims:
                await self._reserve(pod, entry, find_claim_name(entry, names))

    async def _ensure_claim(
        self, pod: Pod, entry: PodResourceClaim, names: dict[str, str | None]
    ) -> str | None:
        """Return the name of a claim that is generated now, or that the pod's status lacks.

        None: nothing is new.
        """
        template_name = entry.resource_claim_template_name
        if template_name is None or (entry.name in names and names[entry.name] is None):
            return None
        namespace = pod.metadata.namespace
        known = self._claims.get(namespace, names.get(entry.name) or "")
        if known is not None and is_claim_of_pod(known, pod):
            return None
        if (generated := await self._find_generated(pod, entry)) is not None:
            return generated
        template = self._templates.get(namespace, template_name)
        if template is None:
            raise ValueError(
                f'resource claim template "{template_name}": '
                f'resourceclaimtemplate.resource.k8s.io "{template_name}" not found'
            )
        return await self._create(pod, entry, template)

    async def _find_generated(self, pod: Pod, entry: PodResourceClaim) -> str | None:
        """Return a claim of an earlier sync that could not write the pod's status."""
        for claim in self._claims.by_index(_OWNER_INDEX, pod.metadata.uid):
            if (claim["metadata"].get("annotations") or {}).get(POD_CLAIM_ANNOTATION) == entry.name:
                return str(claim["metadata"]["name"])
        return await self._find_created(pod, entry)

    async def _find_created(self, pod: Pod, entry: PodResourceClaim) -> str | None:
        """Return a claim that the informer does not show: not yet, or not any more."""
        name = self._created.get((pod.metadata.uid, entry.name))
        if name is None:
            return None
        try:
            await self.resource_of(self._claims).get(name, namespace=pod.metadata.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise
            self._created.pop((pod.metadata.uid, entry.name), None)
            return None
        return name

    async def _create(self, pod: Pod, entry: PodResourceClaim, template: JsonObject) -> str:
        body = make_claim(pod, entry.name, template)
        try:
            claim = await self.resource_of(self._claims).create(body, namespace=pod.metadata.namespace)
        except ApiError as error:
            count_creation(body, failed=True)
            raise ValueError(f"create ResourceClaim : {error}") from error
        count_creation(body, failed=False)
        name = str(claim["metadata"]["name"])
        self._created[pod.metadata.uid, entry.name] = name
        return name

    async def _write_names(self, pod: Pod, names: dict[str, str | None]) -> None:
        statuses = [
            {"name": name, **({"resourceClaimName": claim} if claim is not None else {})}
            for name, claim in names.items()
        ]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod.metadata.name, "namespace": pod.metadata.namespace},
            "status": {"resourceClaimStatuses": statuses},
        }
        await self.resource_of(self._pods).patch(
            pod.metadata.name,
            body,
            namespace=pod.metadata.namespace,
            patch_type=APPLY_PATCH,
            subresource="status",
            field_manager=_FIELD_MANAGER,
            force=True,
        )

    async def _reserve(self, pod: Pod, entry: PodResourceClaim, name: str | None) -> None:
        """Reserve an allocated claim for a pod that has a node. The scheduler does it for its own pods."""
        claim = self._claims.get(pod.metadata.namespace, name or "")
        if claim is None or not is_allocated(claim) or is_reserved_for(claim, pod):
            return
        if entry.resource_claim_template_name is not None and not is_claim_of_pod(claim, pod):
            raise ValueError(
                f"ResourceClaim {pod.metadata.namespace}/{name} was not created for Pod {pod.key} "
                "(Pod is not owner)"
            )
        consumer = {"resource": "pods", "name": pod.metadata.name, "uid": pod.metadata.uid}
        status = {**claim["status"], "reservedFor": [*list_reservations(claim), consumer]}
        await self.resource_of(self._claims).update({**claim, "status": status}, subresource="status")

    async def _is_pod_live(self, namespace: str, name: str, uid: str) -> bool:
        if uid in self._deleted_pods:
            return False
        try:
            live = await self.resource_of(self._pods).get(name, namespace=namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return live.metadata.uid == uid

    def _handle_pod(self, pod: Pod) -> None:
        if not pod.spec.resource_claims and pod.status.extended_resource_claim_status is None:
            return
        if is_done(pod):
            self._add_claims(pod)
        if not pod.metadata.deletion_timestamp and self._needs_work(pod):
            self.queue.add(f"{_POD}{pod.key}")

    def _needs_work(self, pod: Pod) -> bool:
        """Whether a claim of the pod has to be generated or reserved."""
        names = get_generated_names(pod)
        for entry in pod.spec.resource_claims:
            name = find_claim_name(entry, names)
            is_generated = entry.resource_claim_template_name is not None
            if name is None:
                if is_generated and entry.name not in names:
                    return True
                continue
            claim = self._claims.get(pod.metadata.namespace, name)
            if claim is None:
                if is_generated:
                    return True
            elif pod.spec.node_name and is_allocated(claim) and not is_reserved_for(claim, pod):
                return True
        return False

    def _handle_deleted_pod(self, pod: Pod) -> None:
        if pod.spec.resource_claims or pod.status.extended_resource_claim_status is not None:
            self._deleted_pods.append(pod.metadata.uid)
            self._add_claims(pod)
        for entry in pod.spec.resource_claims:
            self._created.pop((pod.metadata.uid, entry.name), None)

    def _add_claims(self, pod: Pod) -> None:
        for name in list_claim_names(pod):
            self.queue.add(f"{_CLAIM}{pod.metadata.namespace}/{name}")

    def _handle_claim(self, claim: JsonObject) -> None:
        namespace, name = key_of(claim)
        if (owner := find_owning_pod(claim)) is not None:
            entry = (claim["metadata"].get("annotations") or {}).get(POD_CLAIM_ANNOTATION, "")
            self._created.pop((owner[1], entry), None)
        self.queue.add(f"{_CLAIM}{namespace}/{name}")
        self._handle_pods_of_claim(claim)

    def _handle_pods_of_claim(self, claim: JsonObject) -> None:
        for pod in self._pods.by_index(_CLAIM_INDEX, "/".join(key_of(claim))):
            self._handle_pod(pod)

    def _handle_template(self, template: JsonObject) -> None:
        for pod in self._pods.by_index(_TEMPLATE_INDEX, "/".join(key_of(template))):
            self._handle_pod(pod)


def _index_by_template(pod: Pod) -> list[str]:
    names = {entry.resource_claim_template_name for entry in pod.spec.resource_claims}
    return [f"{pod.metadata.namespace}/{name}" for name in names if name]


def _index_by_owning_pod(claim: JsonObject) -> list[str]:
    owner = find_owning_pod(claim)
    return [owner[1]] if owner is not None else []
