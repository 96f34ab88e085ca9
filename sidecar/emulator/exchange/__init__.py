"""The exchange as a state machine: requests in, events out.  Pure.

What it speaks:

    units        whole numbers for prices, sizes and money, and their decimal text
    rules        what may differ from venue to venue
    state        everything that the future depends on
    requests     what can be asked of it
    events       what happened

One step:

    machine      `step`: time up to now, then one request
    admission    may this signed request in: nonce, agent, expiry, request budget
    approvals    agents, builders, referral codes
    market       the market moves: books, marks, triggers, liquidations
    listing      coins that begin and end, rules that the operator changes
    clockwork    what falls due by itself: samples, funding, slices, scheduled cancels

Orders:

    liquidity    the background market's ladder, a function of where the tape stands
    book         both together: best prices, levels, impact
    matching     a taker through the book
    checks       may this order be placed, and if not, the venue's words
    placing      an order from its checks to its place
    triggers     stops and targets
    changes      cancel and modify
    endings      how an order ends, and how reduce-only orders follow a position
    twap         a size worked over minutes
    candles      bars of all intervals out of trades

Money:

    positions    a trade settled on both sides
    fees         tiers by volume, builders
    margin       values, requirements, liquidation prices
    marks        oracle and mark prices, open interest, the day's sums
    funding      premium samples and the hourly payment
    liquidation  what happens below maintenance
    deleverage   the last resort: winners reduced
    transfers    deposits, sub-accounts, spot side, modes
    leverages    leverage of a coin, money of an isolated position
"""
