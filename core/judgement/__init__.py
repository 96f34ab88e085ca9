"""One decision in words: the rules that spoke on a symbol at an instant, each with its numbers.

Values and verdicts come from the kernel's own leaves; only the order and the names stand here.

    check       one rule with its value, its limit and its verdict
    scene       a run brought to an instant: before it, after its exits, and after it
    gates       what stands between a bar and a signal, for each way to enter
    exits       what can close a position at an instant
    filters     from a signal to the queue: regime, market gate, confidence, waits, extremes
    caps        from the queue to a fill: rank, limits of the account, size
    decision    all of it for one symbol at one instant, what was done, and why not
"""
