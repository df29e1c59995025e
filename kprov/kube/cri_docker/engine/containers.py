"""What sandboxes and containers do with Docker's containers alike."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri_docker.engine.client import Engine, is_gone, quote_name
from kprov.kube.cri_docker.engine.errors import EngineError

log = logging.getLogger(__name__)

_CONFLICT: Final = re.compile(r"already in use by container \"?([0-9a-f]{12,64})\"?")


async def inspect_container(engine: Engine, container_id: str, *, size: bool = False) -> dict[str, Any]:
    """Return Docker's document. size: also measure the writable layer. RpcError NOT_FOUND."""
    try:
        document = await engine.get(f"/containers/{quote_name(container_id)}/json", size=size)
    except EngineError as error:
        if error.status == 404:
            raise RpcError(Code.NOT_FOUND, error.message) from None
        raise
    return dict(document)


async def list_containers(engine: Engine, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return Docker's entries of all containers, also stopped ones, that pass the filters."""
    return list(await engine.get("/containers/json", all=True, filters=filters))


async def create_container(engine: Engine, name: str, body: Mapping[str, Any]) -> str:
    """Return the identifier.

    A container that has the name is of an attempt whose answer was lost: it is removed. If Docker cannot
    remove it, the new one gets another name.
    """
    try:
        return await _create(engine, name, body)
    except EngineError as error:
        matched = _CONFLICT.search(error.message)
        if error.status != 409 or matched is None:
            raise
        log.warning("the name %s is in use by %s, which is removed", name, matched[1])
    try:
        await remove_container(engine, matched[1])
        return await _create(engine, name, body)
    except EngineError as error:
        if error.status != 409:
            raise
        return await _create(engine, f"{name}_{secrets.token_hex(4)}", body)


async def _create(engine: Engine, name: str, body: Mapping[str, Any]) -> str:
    return str((await engine.post("/containers/create", dict(body), name=name))["Id"])


async def start_container(engine: Engine, container_id: str) -> None:
    """Start it. Does nothing if it runs already."""
    await engine.post(f"/containers/{quote_name(container_id)}/start")


async def stop_container(engine: Engine, container_id: str, seconds: int) -> None:
    """Send its stop signal, and kill it after so many seconds. Does nothing if it does not exist or run."""
    try:
        await engine.post(f"/containers/{quote_name(container_id)}/stop", t=seconds)
    except EngineError as error:
        if error.status != 404:
            raise


async def remove_container(engine: Engine, container_id: str) -> None:
    """Kill and remove it with its anonymous volumes. Does nothing if it does not exist."""
    await is_gone(engine, f"/containers/{quote_name(container_id)}", v=True, force=True)
