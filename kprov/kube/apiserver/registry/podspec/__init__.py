"""Pod specs of pods and pod templates: defaults, validation and warnings. One file a part.

Called by the kinds that have a pod spec. May import registry.generic and machinery.
"""
