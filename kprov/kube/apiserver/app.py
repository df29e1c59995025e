"""Build the parts of the server from the flags; start and stop them in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from kprov.kube.apiserver import admission, authn, authz, bootstrap, options_rules, subresources
from kprov.kube.apiserver.audit import auditor as auditing
from kprov.kube.apiserver.audit.auditor import Auditor
from kprov.kube.apiserver.authn import authorities
from kprov.kube.apiserver.authn import configuration as authentication_configuration
from kprov.kube.apiserver.authn.reload import Reloader as AuthenticationReloader
from kprov.kube.apiserver.authz import configuration as authorization_configuration
from kprov.kube.apiserver.authz.reload import Reloader as AuthorizationReloader
from kprov.kube.apiserver.bootstrap.post_start_hook import PostStartHook
from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.flowcontrol import filter as flow_filter
from kprov.kube.apiserver.flowcontrol.filter import FlowControl
from kprov.kube.apiserver.handlers.documents import Documents
from kprov.kube.apiserver.handlers.nonresource.openid import OpenId
from kprov.kube.apiserver.handlers.verbs import Verbs
from kprov.kube.apiserver.interfaces import Authenticator
from kprov.kube.apiserver.registry.custom_kinds import CustomKindsPublisher
from kprov.kube.apiserver.registry.flowcontrol import bootstrap_objects
from kprov.kube.apiserver.registry.generic.server_settings import DEFAULT_SETTINGS, ServerSettings
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.server import workers
from kprov.kube.apiserver.server.health import Health
from kprov.kube.apiserver.server.heavy_process import HeavyProcess
from kprov.kube.apiserver.server.heavy_service import HeavyService
from kprov.kube.apiserver.server.loop_monitor import LoopMonitor
from kprov.kube.apiserver.server.loop_report import LoopReport
from kprov.kube.apiserver.server.request_chain import Server
from kprov.kube.apiserver.server.scrape_metrics import ScrapeMetrics
from kprov.kube.apiserver.server.tls import ServingTls
from kprov.kube.apiserver.storage.encryption import storage as encryption
from kprov.kube.apiserver.storage.encryption.reload import Reloader as EncryptionReloader
from kprov.kube.apiserver.storage.encryption.storage import EncryptedStorage
from kprov.kube.apiserver.storage.etcd3 import compaction
from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3, parse_urls
from kprov.kube.apiserver.storage.health import StorageCheck
from kprov.kube.apiserver.storage.interface import Storage
from kprov.kube.component_base import sd_notify
from kprov.kube.machinery.printers.columns import load_columns
from kprov.kube.machinery.resources import Resource, list_resources

log = logging.getLogger(__name__)

_NOT_STORED = {"componentstatuses"}


def list_stored_resources() -> list[Resource]:
    """Return the resources with stored objects, each in its storage version."""
    return [
        resource
        for resource in list_resources()
        if "list" in resource.verbs
        and resource.plural not in _NOT_STORED
        and (resource.group, resource.version) not in {("autoscaling", "v1"), ("events.k8s.io", "v1")}
    ]


async def serve(options: Namespace, stop: asyncio.Event) -> int:
    """Run until `stop` is set; return the exit code."""
    if not _are_valid(options):
        return 1
    try:
        urls = parse_urls(options.etcd_servers)
        tls = ServingTls(options)
        processes = workers.count_processes()
    except (ValueError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400  the message is enough for a wrong flag or file
        return 1
    etcd = Etcd3(Client(urls, TlsFiles(options.etcd_cafile, options.etcd_certfile, options.etcd_keyfile)))
    storage = encryption.wrap(options, etcd, keys.build_finder(_map_folders()))
    registry = _build_registry(storage, int(options.event_ttl), ServerSettings.from_options(options))
    health = _build_health(options, storage, registry)
    auditor = auditing.build(options, registry.fill_defaults, registry.find_resource)
    flow = _build_flow_control(options, registry, processes)
    authorizer = _build_authorizer(options, registry)
    heavy = None if workers.is_heavy() else HeavyProcess()
    custom_kinds = CustomKindsPublisher(registry)
    server = _build_server(options, registry, authorizer, health, auditor, flow, heavy, custom_kinds)
    server.before_scrape = _register_scrape_metrics(etcd)
    if heavy is not None:
        await server.start(
            address=options.bind_address,
            port=options.secure_port,
            context=tls.context,
            reuse_port=processes > 1,
        )
    async with _monitor_loop(), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(registry.cacher.run(), name="cacher"),
            group.create_task(custom_kinds.run(), name="custom-kinds"),
            group.create_task(_follow_certificates(tls, server.authenticator), name="certificates"),
            group.create_task(_run_flow_control(flow, registry), name="priority-and-fairness"),
        ]
        works = _build_reloaders(options, storage, registry, server, authorizer)
        if heavy is not None:
            works.append(heavy.run())
        hooks: Sequence[PostStartHook] = ()
        if not workers.is_secondary():
            works += [compaction.run(etcd, options.etcd_compaction_interval), workers.run_secondaries()]
            hooks = bootstrap.post_start_hooks(options, registry, custom_kinds)
        tasks += [group.create_task(work) for work in works]
        tasks += _run_hooks(group, hooks, health, registry)
        if heavy is None:
            # Not until `stop`: systemd sends its signal to both, and the first process finishes its requests.
            await HeavyService(server).run(registry.cacher.loaded)
        else:
            await _serve_clients(options, stop, server, health, registry)
        for task in tasks:
            task.cancel()
    if auditor is not None:
        auditor.close()
    await storage.close()
    return 0


async def _serve_clients(
    options: Namespace, stop: asyncio.Event, server: Server, health: Health, registry: Registry
) -> None:
    """Wait for `stop`, then end the running requests."""
    log.info("listening on %s:%d", options.bind_address, options.secure_port)
    await stop.wait()
    health.stopping = True
    await asyncio.sleep(options.shutdown_delay_duration)
    _end_watches(registry)
    await server.stop()


@contextlib.asynccontextmanager
async def _monitor_loop() -> AsyncIterator[None]:
    """Report the steps that hold the event loop, except where no small request waits for it."""
    if workers.is_heavy():
        yield
        return
    report = LoopReport()
    report.register()
    monitor = LoopMonitor(report)
    monitor.start()
    try:
        yield
    finally:
        monitor.stop()


def _are_valid(options: Namespace) -> bool:
    """Log each problem of the flags; False if there are any."""
    problems = options_rules.find_problems(options)
    for text in problems:
        log.error("%s", text)
    return not problems


def _build_authorizer(options: Namespace, registry: Registry) -> authz.Union:
    options.authorization_mode = authorization_configuration.read_modes(options)
    return authz.build(options, registry)


def _build_health(options: Namespace, storage: Storage, registry: Registry) -> Health:
    loaded = registry.cacher.loaded
    health = Health()
    health.add("etcd", StorageCheck(storage, options.etcd_healthcheck_timeout))
    health.add("etcd-readiness", StorageCheck(storage, options.etcd_readycheck_timeout), ready_only=True)
    health.add("informer-sync", lambda: None if loaded.is_set() else "not synced", ready_only=True)
    return health


def _end_watches(registry: Registry) -> None:
    for cache in registry.cacher.caches:
        for watcher in cache.list_watchers():
            watcher.sink.end("")


def _build_reloaders(
    options: Namespace, storage: Storage, registry: Registry, server: Server, authorizer: authz.Union
) -> list[Coroutine[Any, Any, None]]:
    """Tasks that reload configuration files."""
    reloaders = []
    if options.encryption_provider_config_automatic_reload and isinstance(storage, EncryptedStorage):
        path = options.encryption_provider_config
        reloaders.append(EncryptionReloader(path, storage, registry.cacher.read_again).run())
    if options.authentication_config and isinstance(server.authenticator, authn.Union):
        reloaders.append(AuthenticationReloader(options, server.authenticator).run())
    if options.authorization_config:
        reloaders.append(AuthorizationReloader(options.authorization_config, authorizer).run())
    return reloaders


def _build_flow_control(options: Namespace, registry: Registry, processes: int) -> FlowControl:
    configuration = {
        plural: registry.store(bootstrap_objects.GROUP, plural).lister
        for plural in (bootstrap_objects.LEVELS, bootstrap_objects.SCHEMAS)
    }
    return flow_filter.build(options, processes, registry.count_objects, configuration)


async def _run_flow_control(flow: FlowControl, registry: Registry) -> None:
    await registry.cacher.loaded.wait()
    flow.start()
    await flow.run()


def _map_folders() -> dict[str, Resource]:
    """Return the stored resources by their folder in etcd."""
    return {
        find_strategy(stored_resource).storage_folder or stored_resource.plural: stored_resource
        for stored_resource in list_stored_resources()
    }


def _build_registry(
    storage: Storage, event_seconds: int = 3600, settings: ServerSettings = DEFAULT_SETTINGS
) -> Registry:
    prepared = []
    for resource in list_stored_resources():
        strategy = find_strategy(resource, settings)
        prepared.append(
            (
                resource,
                strategy,
                ResourceCache(
                    resource, strategy.list_selectable_fields, strategy.default, strategy.storage_folder
                ),
            )
        )
    cacher = Cacher(storage, [cache for _, _, cache in prepared])
    stores = [
        Store(
            resource=resource,
            strategy=strategy,
            storage=storage,
            cacher=cacher,
            cache=cache,
            ttl=event_seconds if strategy.expires else 0,
        )
        for resource, strategy, cache in prepared
    ]
    return Registry(stores, storage, cacher)


def _build_server(
    options: Namespace,
    registry: Registry,
    authorizer: authz.Union,
    health: Health,
    auditor: Auditor | None,
    flow: FlowControl,
    heavy: HeavyProcess | None,
    custom_kinds: CustomKindsPublisher,
) -> Server:
    # The first client that wants a table does not wait for the file.
    load_columns()
    authenticator = authn.build(options, registry)
    chain = admission.build(options, registry, authorizer)
    for store in registry.stores.values():
        store.admission = chain
        store.hooks = store.strategy.make_hooks(options, registry, authorizer)
    handlers = subresources.build(options, registry, authenticator, authorizer)
    custom_kinds.admission = chain
    verbs = Verbs(registry, chain, handlers, custom_kinds.wait_for_group)
    address = f"{options.advertise_address or options.bind_address}:{options.secure_port}"
    openid = OpenId(options, address)
    server = Server(
        authenticator=authenticator,
        authorizer=authorizer,
        resources=verbs,
        documents=Documents(
            registry.kinds,
            verbs.has_handler,
            address,
            options.flags,
            others=lambda: (*health.list_paths(), *openid.list_paths()),
        ),
        openid=openid,
        health=health,
        anonymous=authentication_configuration.build_anonymous_rule(
            options, authentication_configuration.load(options)
        ),
        auditor=auditor,
        flow=flow,
        request_seconds=options.request_timeout,
        heavy=heavy,
    )
    chain.timing.register()
    server.metrics.register(
        lambda: [
            (store.resource.group, store.resource.plural, store.cache.count(), store.cache.received)
            for store in registry.list_stores()
        ]
    )
    return server


def _register_scrape_metrics(etcd: Etcd3) -> Callable[[], Awaitable[None]]:
    """Return what reads their values before each scrape."""
    scrape_metrics = ScrapeMetrics(etcd.read_size)
    scrape_metrics.register()
    return scrape_metrics.refresh


def _run_hooks(
    group: asyncio.TaskGroup,
    hooks: Sequence[PostStartHook],
    health: Health,
    registry: Registry,
) -> list[asyncio.Task[None]]:
    """Start the hooks, each with its check of /readyz, and the task that reports the end of all."""
    finished = [asyncio.Event() for _ in hooks]
    tasks = [group.create_task(_report_ready(registry, finished), name="ready")]
    for hook, done in zip(hooks, finished, strict=True):
        health.add_hook(hook.name, partial(_check_hook, done))
        tasks.append(group.create_task(_run_hook(hook, done, registry), name=hook.name))
    return tasks


def _check_hook(done: asyncio.Event) -> str | None:
    return None if done.is_set() else "not finished"


async def _run_hook(hook: PostStartHook, done: asyncio.Event, registry: Registry) -> None:
    await registry.cacher.loaded.wait()
    while True:
        try:
            await hook.run(done.set)
            done.set()
            return
        except Exception:
            log.exception("%s failed, trying again", hook.name)
            await asyncio.sleep(1)


async def _report_ready(registry: Registry, finished: Sequence[asyncio.Event]) -> None:
    """Send READY=1 to systemd when the caches are filled and all hooks have finished."""
    await registry.cacher.loaded.wait()
    for done in finished:
        await done.wait()
    # Schemas, rules and modules are permanent: exclude them from garbage collections.
    gc.freeze()
    sd_notify.notify("READY=1")
    log.info("ready")


async def _follow_certificates(tls: ServingTls, authenticator: Authenticator) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(authorities.SECONDS)
            tls.reload_if_changed()
            if isinstance(authenticator, authn.Union):
                authenticator.reload_authorities()
