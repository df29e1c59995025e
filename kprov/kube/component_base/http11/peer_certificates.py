"""The certificates that a client sent in the TLS handshake."""

from __future__ import annotations

import _ssl
from typing import Any


def peer_certificates(tls: Any) -> tuple[bytes, ...]:
    """In DER: the client's own first, then the others that it sent, in its order. () for none.

    tls: an ssl.SSLObject.
    """
    own = tls.getpeercert(binary_form=True)
    if own is None:
        return ()
    if hasattr(tls, "get_unverified_chain"):  # from Python 3.13 on
        chain = tls.get_unverified_chain()
    else:
        chain = [shown.public_bytes(_ssl.ENCODING_DER) for shown in tls._sslobj.get_unverified_chain() or ()]
    return (own, *(shown for shown in chain if shown != own))
