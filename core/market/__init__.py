"""Market data in memory. Pure: nothing here opens a file.

bars      the venue's intervals, rows as they arrive, the block that replay and sweep read
funding   what was known of funding rates at each close
metadata  sizes, leverage and margin tiers of a symbol, and when it was listed
spans     stretches of time: their union, and what is left without some
resample  longer bars out of shorter ones
quality   what is odd about stored rows: gaps, outliers, bars without volume
synthetic a made-up market with a known trend in it
"""
