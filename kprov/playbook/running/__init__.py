"""Running plays: batches of hosts, strategies, tasks, loops, conditions, handlers, and recording of results.

kprov.operations and kprov.cli call it through `engine`.
It imports all other packages of kprov.playbook.
"""
