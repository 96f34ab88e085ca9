"""Long-running companions of the trading commands, one folder each.

    emulator/        a venue in a box: Hyperliquid's protocol over a market that we own

Kept for `market/` (the data daemon) and `monitor/` (the web face).  Like `pipelines`, this room may
use `core` and what lies below, and neither of the two imports the other.
"""
