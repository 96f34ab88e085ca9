"""Where prices come from.  Pure but for the reading of a store.

    port         what a tape must offer

A tape stands at an instant and is taken from there; its chance hangs on the seed, the coin and the
time of the bar alone, so that it gives the same moves however it is walked.
"""
