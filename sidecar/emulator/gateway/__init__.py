"""The venue as a client meets it, without a socket.  Pure.

gateway          `Gateway`: bodies and texts in, replies and frames out, the time as an argument
messages         what goes out: HTTP replies and WebSocket frames
"""
