"""The market-data sidecar: one process owns the venue's streams and the stores.

Pure:

    facts            what streams and replies said
    shapes           the venue's messages as typed shapes
    decode           those messages to facts, strictly
    user_rows        events of users out of rows, with keys that never change
    topics           the names of subscriptions, and their frames
    desired          what is wanted: the union over live clients, within the venue's budgets
    board            latest values with their ages, sequence numbers, who must hear of what
    bar_facts        what is known, asked and told of bars
    bar_clock        the venue's time as its bars tell it
    bar_grid         which bars are known
    doubts           bars that are not believed at once
    bars             forming and closed bars of a (symbol, interval), gaps, readiness
    breaker          candle stream or REST polling
    watch            which streams are silent, and what follows
    venue_time       the venue's time, whatever this host's clock does
    pace             how fast something may be done

With ports:

    link             the venue's connections: backoff, silence, resubscription
    rest             paced requests
    confirm          bars of all keys, from streams and REST into the store
    accounts         events of users, from streams and REST into their log
    payments         funding rates, hour by hour
    store            closed bars, funding and contexts on disk, one writer
    user_log         events of users, durable, by cursor and acknowledgement
    record           quotes, contexts and trades as parquet by day; retention and quota
    service          what clients are answered
    state            what is well, what is not, and what was counted
    daemon           all of it as tasks over `core.ports`

For local programs:

    clients          who is connected, their interest, queues and leases
    waits            requests whose answer comes later
    answers          what each method answers
    server           the Unix socket
    socket_file      its place: folder, permissions, stale files
    health           what is well and what is not: one judgement for people and programs
    metrics          the same for Prometheus, over HTTP on loopback
    notify           the same for systemd
    shelf            the folder of recordings
    run              binds the daemon to this machine
    load             a venue that only talks, at an exact rate
    measure          `make bench-sidecar`
"""
