"""What runs on a host during a run: one zip, standard library only, Python 3.9 or newer.

Imported only by transport; imports nothing of kprov but itself.
"""
