"""Check that an object has the name and namespace of the request's path.

Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/handlers/rest.go (checkName).
"""

from __future__ import annotations

from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject


def check(obj: JsonObject, info: RequestInfo) -> None:
    """Raise StatusError 400 unless the object has the path's name, and its namespace or none."""
    metadata = obj.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        raise status.bad_request(
            f"the name of the object ({info.name} based on URL) was undeterminable: name must be provided"
        )
    if name != info.name:
        raise status.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({info.name})"
        )
    if namespace and info.namespace and info.resource != "namespaces" and namespace != info.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
