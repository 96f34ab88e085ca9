"""A venue in a box: a wire-faithful Hyperliquid on this machine, with faults on request.

From the inside out; all but the shell is pure: no clock, no network, no disk, all chance seeded.

    exchange/        the state machine: books, orders, accounts, margin, funding
    tape/            where prices come from: a made-up market, or stored candles
    wire/            the venue's JSON: actions, signatures, requests, replies
    gateway/         the venue as a client meets it: limits, sessions, streams
    faults/          what goes wrong, when, and what it did

`gateway` is what the server and the simulation tests both drive; only the server knows sockets.
"""
