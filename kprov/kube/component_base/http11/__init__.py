"""An HTTP/1.1 server as small as the API server needs one: an asyncio protocol that reads heads as Go does.

Source: RFC 9110, RFC 9112; where they leave it open, what Go's net/http does. Measured in docs/decisions/016.
"""
