"""Pods: strategy, defaults, validation of updates, /status and /resize. Their spec: registry.podspec."""
