"""The agent that runs modules on a host: one archive, standard library only, Python 3.9 or newer.

Only transport imports it. It imports nothing else of kprov.
"""
