"""The venue's protocol: bytes to requests, state to replies.  Pure.

Actions:

    actions           a body posted to `/exchange`, decoded and authenticated
    actions_shapes    the fields of each action, in the venue's order
    actions_requests  from those to requests of the exchange
    canonical         the form of an action over which its hash is made
    signatures        hashes, who signed, and signing for clients
    user_signed       actions that only the master key may sign
    exchange_replies  what the venue answers to an action
    errors            bodies that are no request at all

Queries and streams:

    view              what replies and frames are made from
    universe          which coins and dexs there are, in the order of their ids
    figures           numbers as the venue writes them
    info              a body posted to `/info`, answered
    requests_info     the shapes of its requests
    replies_meta      dexs, coins, margin tables, the venue's clock
    replies_market    prices, books, trades, bars, funding
    gathering         a book in fewer digits
    replies_account   a user's margin, positions, balances, ledger
    replies_orders    a user's orders, fills, TWAPs
    replies_user      a user's role, agents, fees, request budget
    replies_venue     vaults, staking and the like: empty, in their shapes
    spot              the spot side in shape
    frames            stream messages that all may see, and those about a subscription
    frames_user       stream messages about one user
"""
