"""Where prices come from.  Pure but for the reading of a store.

    port         what a tape must offer
    path         prices and lots inside a bar that meet what the bar says
    market       what a market in bars must offer
    reel         the walk over a market's bars, tick by tick: the tape
    past         bars from before the start, of any interval
    opening      the venue as it is at the start
    universe     coins as the venue lists them: ids, margin tables
    synthetic    a made-up market that never ends
    stored       the candles of a store
    rules        what is assumed of symbols that a store knows no rules of

A tape stands at an instant and is taken from there; its chance hangs on the seed, the coin and the
time of the bar alone, so that it gives the same moves however it is walked.
"""
