"""An HTTP/1.1 server as small as the API server needs one: httptools parses, an asyncio protocol answers.

Source: RFC 9110, RFC 9112; where they leave it open, what Go's net/http does. Measured in docs/decisions/016.
"""
