"""What goes wrong at the venue: when, for whom, and what it did.  Pure.

sights           what the gateway shows the plane at each point
state            what the plane remembers: faults, counters, what it holds back
plane            `Plane`: the gateway asks it at each point
"""
