"""Market data in memory. Pure: nothing here opens a file.

bars      the venue's intervals, rows as they arrive, the block that replay and sweep read
funding   what was known of funding rates at each close, and what falls due
instants  one timeline of indicator bars and finer exit and entry bars
metadata  sizes, leverage and margin tiers of a symbol, and when it was listed
spans     stretches of time: their union, and what is left without some
resample  longer bars out of shorter ones
quality   what is odd about stored rows: gaps, outliers, bars without volume
universe  who may be entered, ranked at each midnight
record    all of it as arrays that the kernel reads
stylised  figures that markets are known by, recorded and made-up ones alike

A made-up market, from the bottom up:

chance    raw bits by their place, and numbers that are the same everywhere
seasons   the hour of the day and the weekend
traits    a market's symbols, their prices, sizes, listing and margin tiers
process   the state machine: from one state to the next, minutes between
walk      the same minutes one by one, for a venue that lives in it
synthetic bars of any interval, funding rates and metadata
"""
