"""Decisions: numbers in, codes out. Pure; no clock, file, log or allocation inside a step.

jit         the one wrapper that knows compile flags; kernel_id
codes       small integers spoken across the house: sides, reasons, modes
params      the parameter record, generated from the schema
records     layouts of bars, positions, accounts, trades
indicators  one-bar updates of the indicators
bits        sets of symbols as bits of words
features    from bars to the columns that decisions read
signals     which side, how sure, by which entry mode; what turns or stops a signal
strategies  which strategy is asked for signals; generated
survey      what every symbol signals at each indicator bar, whatever is held
strategy_trend  strategy_ma_crossover  strategy_quad_ma  strategy_rsi_reversion
            one strategy each: its own series, its rule
gates       may a signal be acted on at all
context     the market as a whole: breadth, BTC's trend, the entry gate
view        what decisions see of one symbol at one instant
routing     from a signal to a flip or a candidate
sizing      size of an entry or add
exits       every way out, in a fixed order
headwind    how deep a loser that pays funding may sink
intrabar    stops and targets that rest in the market inside a bar
margin      maintenance margin, leverage caps, liquidation
fills       price, lot and fee of a fill
account     the ledger: fills, fees, funding, marks
portfolio   adds and entries in rank order under the caps
scan        the loop over instants
cuda        the same loop on a GPU, a warp to a row; the one file that imports numba.cuda
metrics     drawdown, daily returns, totals

Indicator series stand in a bank that `core.bank` fills once for all strategies that read them.
"""
