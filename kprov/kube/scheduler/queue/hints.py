"""Finds the plugins that wait for an event (upstream's queueing hint map)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.framework.events import Action, ClusterEvent, EventRegistration, Hint, Resource
from kprov.kube.scheduler.framework.plugin import Profile
from kprov.kube.scheduler.state.pod_info import PodInfo

log = logging.getLogger(__name__)

#: A plugin of a profile, by their names.
PluginKey = tuple[str, str]
#: Stands for the plugins of pods that no plugin rejected: there was no node.
NO_PLUGIN: Final[PluginKey] = ("", "")
#: The hints of the plugins that wait for an event. None: the event always helps.
Matches = Mapping[PluginKey, Sequence[Hint | None]]


class HintTable:
    """The registrations of all plugins that can reject a pod.

    `extra_plugins`: names that wait for all events.
    """

    def __init__(self, profiles: Sequence[Profile] = (), extra_plugins: Iterable[str] = ()) -> None:
        self._registrations: dict[PluginKey, Sequence[EventRegistration]] = {
            (profile.name, plugin.name): plugin.list_events()
            for profile in profiles
            for plugin in profile.rejecting
        }
        anything = (EventRegistration(Resource.ANY, Action.ALL),)
        self._registrations |= {
            (profile.name, name): anything for profile in profiles for name in extra_plugins
        }
        self._matches_by_event: dict[ClusterEvent, Matches] = {}

    def find(self, event: ClusterEvent) -> Matches:
        """Return the plugins that wait for the event, with their hints."""
        matches = self._matches_by_event.get(event)
        if matches is None:
            matches = self._matches_by_event[event] = self._search(event)
        return matches

    def _search(self, event: ClusterEvent) -> Matches:
        matches: dict[PluginKey, list[Hint | None]] = {}
        if event.resource == Resource.NODE:
            matches[NO_PLUGIN] = [None]
        for key, registrations in self._registrations.items():
            hints = [registration.hint for registration in registrations if registration.matches(event)]
            if hints:
                matches[key] = hints
        return matches


def run_hint(plugin: str, hint: Hint | None, event: ClusterEvent, info: PodInfo, old: Any, new: Any) -> bool:
    """Whether the event may let the pod fit. A hint that fails is no reason to let the pod wait."""
    if hint is None:
        return True
    start = time.perf_counter()
    try:
        result = hint(info, old, new)
        answer = "Queue" if result else "QueueSkip"
    except Exception:
        log.exception("hint of plugin %s for %s and pod %s", plugin, event.label, info.pod.key)
        result, answer = True, "Error"
    metrics.record_hint(plugin, event.label, answer, time.perf_counter() - start)
    return result
