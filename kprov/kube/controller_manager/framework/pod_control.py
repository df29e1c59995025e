"""Creates and deletes the pods of an owner and sends upstream's events (RealPodControl)."""

from typing import Any

from kprov.kube.api.core import ObjectReference, Pod
from kprov.kube.client import ApiError, EventRecorder, RestClient


class PodControl:
    """Creates and deletes pods of an owner."""

    def __init__(self, client: RestClient, recorder: EventRecorder) -> None:
        self.pods = client.resource("", "v1", "pods", Pod)
        self._recorder = recorder

    async def create(
        self,
        namespace: str,
        template: dict[str, Any],
        owner: ObjectReference,
        reference: dict[str, Any],
        *,
        name: str = "",
        name_prefix: str = "",
        changes: dict[str, Any] | None = None,
    ) -> Pod:
        """Create a pod from the template. Raises ApiError.

        Without a name, the server generates one: from the prefix, by default from the owner's name.
        """
        metadata = template.get("metadata") or {}
        taken = {key: metadata[key] for key in ("labels", "annotations", "finalizers") if metadata.get(key)}
        named = {"name": name} if name else {"generateName": name_prefix or f"{owner.name}-"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**named, **taken, "ownerReferences": [reference]},
            "spec": {**(template.get("spec") or {}), **(changes or {})},
        }
        try:
            pod = await self.pods.create(body, namespace=namespace)
        except ApiError as error:
            if not error.is_namespace_terminating:
                self._recorder.event(owner, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {pod.metadata.name}")
        return pod

    async def delete(self, pod: Pod, owner: ObjectReference) -> None:
        """Delete gracefully; raises ApiError, also when it is gone already (404)."""
        name = pod.metadata.name
        try:
            await self.pods.delete(name, namespace=pod.metadata.namespace, preconditions_uid=pod.metadata.uid)
        except ApiError as error:
            if not error.is_not_found:
                self._recorder.event(owner, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
