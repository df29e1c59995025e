"""What a run reports: options, counts of tasks, changes, callbacks, and the journal on the disk.

The engine writes them; kprov.cli and kprov.operations read them.
It imports the model.
"""
