"""A venue in a box: a wire-faithful Hyperliquid on this machine, with faults on request.

From the inside out; all but the shell is pure: no clock, no network, no disk, all chance seeded.

    exchange/        the state machine: books, orders, accounts, margin, funding
    tape/            where prices come from: a made-up market, or stored candles
    wire/            the venue's JSON: actions, signatures, requests, replies
    gateway/         the venue as a client meets it: limits, sessions, streams
    faults/          what goes wrong, when, and what it did

`gateway` is what the server and the simulation tests both drive; only the shell knows sockets:

    run              from the options of `perpkit emulator` to its end: ports, tasks, signals
    opening          a venue at its first instant, or where its state file left it
    markets          which market it trades
    planes           its faults: from a file, from the control port, from a state file
    pace             the venue's clock against the computer's: real, scaled, stepped
    host             the gateway with a clock and open connections
    server           the venue's port
    sockets          what ASGI alone cannot say: cut streams, lost answers, slow readers
    proxy            bytes spoiled in front of it
    proxy            the same port through bytes that can be spoiled
    control          the control port: clock, money, faults, rules
    truth            what the exchange holds of a user
    workload         random actions, for measurements and proofs
    measure          how fast it is: `make bench-venue`
    keeper           the state file, which survives SIGKILL
"""
