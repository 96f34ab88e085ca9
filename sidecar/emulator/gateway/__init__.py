"""The venue as a client meets it, without a socket.  Pure.

    gateway          `Gateway`: bodies and texts in, replies and frames out, the time as an argument
    messages         what goes out: HTTP replies and WebSocket frames

HTTP:

    front            which paths, methods and types of content are read at all
    calls            `/info` and `/exchange`, over HTTP and as posts of a session
    limits           how much one peer may ask

WebSocket:

    talk             what a session says: subscribe, unsubscribe, ping, post
    subscriptions    what can be subscribed to
    sessions         who is connected, and who hears what
    snapshots        what a stream says of the present, and what it says first
    cadence          streams that speak at their own pace
    fanout           events of a step as stream messages
    streams          what leaves for the sessions, past the faults
"""
