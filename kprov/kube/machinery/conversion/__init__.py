"""Objects from the version a client uses to the version they are stored in, and back.

Called by the API server's endpoints; may import machinery only. One file a group, each with two functions
from object to object; what they get may be changed by them.
"""
