"""The venue's protocol: bytes to requests, state to replies.  Pure.

Actions:

    actions           a body posted to `/exchange`, decoded and authenticated
    canonical         the form of an action over which its hash is made
    signatures        hashes, who signed, and signing for clients
    user_signed       actions that only the master key may sign
    exchange_replies  what the venue answers to an action
    errors            bodies that are no request at all

Queries and streams:

    view              what replies and frames are made from
    info              a body posted to `/info`, answered
    frames            stream messages that all may see, and those about a subscription
    frames_user       stream messages about one user
"""
