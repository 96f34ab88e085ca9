"""What the commands are made of: configurations, simulations, the artifact tree, stores.

Ground:

    errors           the error tree, its three lines and exit codes
    clock            the Clock port; nothing else asks for the time or for chance
    venue_clock      the Clock that follows an emulator's, `--clock URL`
    ports            what a long-running program has instead of the operating system
    ports_real       the same, bound to this machine
    lock             one writer at a time on a file
    feed/            how local programs reach the market-data sidecar
    login            who runs this process
    settings         paths from the environment, read here only
    tables           parquet files, whole or not at all
    artifacts/       runs, artifacts and their hashes on disk

Strategies and data:

    yaml_file        YAML that a person writes, every problem with its line and column
    config           a strategy as it takes effect, and where each value came from
    market/          bars in memory and what is odd about them
    venue/           the venue's port, wire and rate limits
    store/           candles, funding, contexts, symbols and the trial ledger on disk

One run:

    bank             each distinct indicator series once
    simulate         one strategy over one block of bars
    ratios           Sharpe and the others, for one run or a whole sweep
    report           figures of a replay's report
    funding_coverage  hours of funding on held positions, and those without a rate
    trades           the rows of a trades file
    indicator_table  the columns of an indicators file
    comparison       two lists of trades, and where they part
    judgement/       the rules that spoke on one decision, with their numbers
    state_file       exported state, read and written

Many runs and what holds of them:

    sweep_spec       a sweep spec with its base strategy
    axis_values      the values of one axis: listed, in steps, in equal ratios
    constraints      what every point keeps: ordered pairs and comparisons
    axes             which values the axes take, counted before any point is made
    expansion        the distinct points of a grid
    search/          which points to evaluate next when not all can be
    overrides        values of single symbols beside those of the rows
    crew             who runs the shards of a search: threads, GPUs or others
    cluster          who runs them on many machines: the workers of a Dask cluster
    cluster_shards   what such a worker does
    gpu              rows of parameters on the GPUs of this machine
    engine           rows of parameters over one window, each series made once
    grid             all rows over one block at once, in threads
    desk             one thread of it: its book, and the survey that rows share
    windows          search, purge and holdout
    statistics       the best that chance alone would give
    landscape        an objective over the axes: levels, cells of two axes, rows to draw
    importance       which axes decide it
    gates            figures of the holdout in, verdict out
    lanes            which strategy is deployed where, whole at every instant

The pure part (errors, clock, market) never imports the outer part (store).
"""
