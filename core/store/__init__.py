"""SQLite on disk: market data, one file per series in a store folder, and the trial ledger.

folder    which files a store has, and that recorded and made-up data never meet
layout    the tables of a file
series    rows keyed by symbol and time; revisions
sqlite    opening, transactions, what SQLite's errors mean
candles   closed bars, one file per interval
funding   one rate per symbol and hour
contexts  marks, oracle prices and open interest, as they were seen
metadata  what the venue said of its symbols: sizes, margin tiers, listed and delisted
asked     which stretches of time the venue was asked for in full
market    bars with the funding rates that the store holds
shards    which parts of a search are done, with their figures
ledger    every configuration ever tried, counted; append-only
"""
