"""The venue as a client meets it, without a socket.  Pure."""
