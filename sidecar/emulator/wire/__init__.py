"""The venue's protocol: bytes to requests, state to replies.  Pure."""
