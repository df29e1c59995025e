"""KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): its fields, rules and defaults.

``document.py`` has the file's fields, ``arguments.py`` those of the plugins, ``plugin_sets.py`` decides which
plugins run at which extension point.
"""
