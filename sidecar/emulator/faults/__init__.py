"""What goes wrong at the venue: when, for whom, and what it did.  Pure.

The kinds and their options are declared in `schemas.fault_kinds`.

plane            `Plane`: the gateway asks it at each point
sights           what the gateway shows the plane at each point
state            what the plane remembers: faults, counters, what it holds back
making           a fault as given, with its times
tally            whether a fault acts at a point, and the counts

calls            requests answered in the venue's stead, answers lost or late
answers          what answers and messages say, made wrong
market_words     the same of prices, books and fills
numerals         numbers inside texts
garbling         texts spoiled
passing          messages on their way: dropped, doubled, stale, late
waiting          messages that are held back
doors            sessions refused, cut, deaf

actions          signed actions taken otherwise or later
shift            asset ids exchanged
timetable        faults that act in the exchange when their time comes
turns            how these begin and end
venue            those of the exchange's rules and markets
accounts         those of accounts
orders           what they ask of the exchange
ruin             a side that cannot pay
"""
