"""Which points of a space to evaluate next. Pure numpy, seeded, without a clock.

space      axes as levels: gates, conditions, drawing, counting, a key per point
order      the whole grid by number, without making it
feasible   is there any point that keeps every condition
proposer   what all proposers share: the port, and that no point is proposed twice
whole      every point in order
chance     points at random, none twice
tpe        tree-structured Parzen estimator in batches
densities  where on an axis the good and the other points lie
joint      where they lie together, for the multivariate option
halving    many points on few bars, the best of them on more
front      points that no other point beats on every figure

A proposer is asked for rows of levels and told their losses, least is best and NaN is a point that
may not be ranked. Equal seeds and equal losses give equal rows.
"""
