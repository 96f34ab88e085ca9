"""Market data on disk, one SQLite file per series in a store folder.

folder    which files a store has, and that recorded and made-up data never meet
layout    the tables of a file
series    rows keyed by symbol and time; revisions
sqlite    opening, transactions, what SQLite's errors mean
candles   closed bars, one file per interval
funding   one rate per symbol and hour
"""
