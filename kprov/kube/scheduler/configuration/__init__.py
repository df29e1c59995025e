"""Owns KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): its fields, rules and defaults.

``options.py`` loads the file, and ``plugins/registry.py`` reads the arguments of plugins. ``document.py`` has
the fields of the file, ``arguments.py`` those of plugins, ``extenders.py`` those of extenders, and
``plugin_sets.py`` decides which plugins run at which extension point. May import nothing of the scheduler.
"""
