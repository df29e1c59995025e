"""Deletes generated tokens that nobody uses (legacy_serviceaccount_token_cleaner.go).

Before Kubernetes 1.24, each service account got a secret with a token. The API server labels such secrets by
the day of their last use. A token that is unused for long is marked as invalid, and deleted as much later.
"""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Final

from kprov.kube.api.core import ConfigMap, Pod, Secret, ServiceAccount
from kprov.kube.client import ApiError
from kprov.kube.component_helpers.pod_secrets import list_secret_names
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.service_account.token_secrets import TYPE
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

_TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
_LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
_INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
_INTERVAL: Final = 24 * 3600.0


class LegacyTokenCleanerController(Controller):
    """Has no keys: it looks at all secrets once a day."""

    name = "legacy-service-account-token-cleaner"
    queue_name = ""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._accounts = informers.informer("", "v1", "serviceaccounts", ServiceAccount)
        self._secrets = informers.informer("", "v1", "secrets", Secret, field_selector=f"type={TYPE}")
        self._pods = informers.informer("", "v1", "pods", Pod)
        self._config_maps = context.client.resource("", "v1", "configmaps", ConfigMap)
        self._period = timedelta(seconds=context.options.legacy_service_account_token_clean_up_period)

    async def run(self) -> None:
        await run_periodically(_INTERVAL, self._clean, self.name)

    async def _clean(self) -> None:
        now = datetime.now(UTC)
        if now < await self._get_tracking_start() + self._period:
            log.info("the use of legacy tokens is not tracked for long enough yet")
            return
        unused = [
            token_secret
            for token_secret in self._secrets.list()
            if is_unused(token_secret, now - self._period)
        ]
        generated = [token_secret for token_secret in unused if self._is_generated(token_secret)]
        namespaces = {secret.metadata.namespace for secret in generated}
        mounted = {namespace: self._list_mounted(namespace) for namespace in namespaces}
        for secret in generated:
            if secret.metadata.name in mounted[secret.metadata.namespace]:
                continue
            try:
                await self._invalidate_or_delete(secret, now)
            except ApiError as error:
                if not error.is_not_found and not error.is_conflict:
                    log.warning("cannot clean the legacy token %s: %s", secret.key, error)

    async def _invalidate_or_delete(self, secret: Secret, now: datetime) -> None:
        metadata = secret.metadata
        invalid_since = parse_day(metadata.labels.get(_INVALID_SINCE, ""))
        if invalid_since is None:
            log.info("marking the legacy token %s as invalid", secret.key)
            body = {"metadata": {"uid": metadata.uid, "labels": {_INVALID_SINCE: now.date().isoformat()}}}
            await self.resource_of(self._secrets).patch(metadata.name, body, namespace=metadata.namespace)
        elif invalid_since < (now - self._period).date():
            log.info("deleting the legacy token %s", secret.key)
            await self.resource_of(self._secrets).delete(
                metadata.name,
                namespace=metadata.namespace,
                preconditions_resource_version=metadata.resource_version,
            )

    async def _get_tracking_start(self) -> datetime:
        """Return the midnight after the API server began to track uses. Raises ApiError, ValueError."""
        config_map = await self._config_maps.get(_TRACKING, namespace="kube-system")
        day = parse_day(config_map.data.get("since", ""))
        if day is None:
            raise ValueError(f"config map kube-system/{_TRACKING}: data.since is not a date")
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)

    def _is_generated(self, secret: Secret) -> bool:
        """Whether the service account lists the secret. It does so only for generated ones."""
        annotations = secret.metadata.annotations
        account = self._accounts.get(secret.metadata.namespace, annotations.get(_ACCOUNT_NAME, ""))
        if account is None or annotations.get(_ACCOUNT_UID) not in (None, "", account.metadata.uid):
            return False
        return any(reference.name == secret.metadata.name for reference in account.secrets)

    def _list_mounted(self, namespace: str) -> set[str]:
        """Return the names of the secrets that pods of the namespace use."""
        return {name for pod in self._pods.list(namespace) for name in list_secret_names(pod)}


def is_unused(secret: Secret, since: datetime) -> bool:
    """Whether the secret existed before that time, and was not used on that day or later."""
    metadata = secret.metadata
    if metadata.deletion_timestamp or timestamps.parse(metadata.creation_timestamp or "") >= since:
        return False
    if _LAST_USED not in metadata.labels:
        return True
    last_used = parse_day(metadata.labels[_LAST_USED])
    return last_used is not None and last_used < since.date()


def parse_day(text: str) -> date | None:
    """Return the date of YYYY-MM-DD. None: it is not one."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
