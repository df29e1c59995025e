"""Builds the plugins of a profile from its configuration (upstream's profile.go)."""

from __future__ import annotations

from kprov.contract.scheduler import profiles
from kprov.contract.scheduler.plugin_sets import BUILT_IN, expand_point
from kprov.kube.scheduler.framework.plugin import Plugin, Profile
from kprov.kube.scheduler.plugins.registry import FACTORIES, PluginResources


def build_profile(configuration: profiles.Profile, resources: PluginResources) -> Profile:
    """Build the profile. Each plugin is created once, whatever the number of its extension points."""
    made: dict[str, Plugin] = {}

    def list_weighted(point: str) -> list[tuple[Plugin, int]]:
        weighted = []
        for enabled in expand_point(configuration.plugins, point):
            name = enabled.name
            if name in BUILT_IN:
                continue
            if name not in made:
                made[name] = FACTORIES[name](resources, configuration)
            weighted.append((made[name], enabled.weight))
        return weighted

    def list_plugins(point: str) -> list[Plugin]:
        return [plugin for plugin, _ in list_weighted(point)]

    return Profile(
        name=configuration.scheduler_name,
        # The queue does the work of the others.
        pre_enqueues=[
            plugin
            for plugin in list_plugins("preEnqueue")
            if type(plugin).pre_enqueue is not Plugin.pre_enqueue
        ],
        # Plugins whose PreFilter is a part of their filter have nothing to do here.
        pre_filters=[
            plugin for plugin in list_plugins("preFilter") if type(plugin).pre_filter is not Plugin.pre_filter
        ],
        queue_sorts=list_plugins("queueSort"),
        filters=list_plugins("filter"),
        post_filters=list_plugins("postFilter"),
        # Those of upstream prepare all of their scores in Score, where None is Skip.
        pre_scores=[
            plugin for plugin in list_plugins("preScore") if type(plugin).pre_score is not Plugin.pre_score
        ],
        scores=list_weighted("score"),
        reserves=list_plugins("reserve"),
        permits=list_plugins("permit"),
        pre_binds=list_plugins("preBind"),
        binds=list_plugins("bind"),
        post_binds=list_plugins("postBind"),
    )
