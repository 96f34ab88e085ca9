"""Long-running companions of the trading commands, one folder each.

None runs yet. This room is kept for `market/` (the data daemon), `emulator/` (the embedded venue)
and `monitor/` (the web face); like `pipelines` it may use `core` and what lies below, and neither
of the two imports the other.
"""
