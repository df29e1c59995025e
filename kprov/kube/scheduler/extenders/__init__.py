"""HTTP services that take part in the choice of a node (upstream's extenders).

The scheduler and DefaultPreemption call them. They may import the framework and the configuration.
"""
