"""The same requests to our API server and to upstream's, and what differs between the answers. README.md says how to extend it."""
