"""The venue: one port, one wire implementation, one ledger of request weights.

port         what the rest of the house asks a venue for, and the pages that come back
address      mainnet, testnet, or a venue on this machine
faults       what a venue can do wrong, as errors that say whether asking again may help
wire         the venue's JSON, decoded strictly; pure
wire_meta    its universe, margin tables and asset contexts, decoded likewise; pure
weights      what a request weighs, and the ledger that paces all of them; pure
retry        how long to wait before asking again, and when to give up; pure
hyperliquid  the port over HTTP

`wire` and the modules it needs never touch the network; `hyperliquid` is the only one that does.
"""
