"""Which pods stand behind a service: endpoint slices, and Endpoints objects for older readers.

Run by app. `addresses`, `slice_plan` and `subsets` are functions of values; the controllers write.
"""
