"""Pod specs, in pods and in every template of pods: defaults, validation and warnings, one file a part.

Called by the kinds that have a pod spec. May import registry.generic and machinery.
"""
