"""Protocols in which the layers meet: authentication, authorization, admission, and access to stored objects.

The registry calls the first three and implements the last (objects.py), so neither side imports the other;
app.py joins them. May import: request, machinery.
"""

from __future__ import annotations

from kprov.kube.apiserver.interfaces.access import Authenticator, Authorizer, Decision
from kprov.kube.apiserver.interfaces.admission import Admission, Attributes

__all__ = ["Admission", "Attributes", "Authenticator", "Authorizer", "Decision"]
