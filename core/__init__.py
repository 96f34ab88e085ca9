"""State machines, the artifact tree, stores: what the commands are made of.

    errors      the error tree, its three lines and exit codes
    clock       the Clock port; nothing else asks for the time or for chance
    lock        one writer at a time on a file
    settings    paths from the environment, read here only
    yaml_file   YAML that a person writes, every problem with its line and column
    config      a strategy as it takes effect, and where each value came from
    bank        each distinct indicator series once
    simulate    one strategy over one block of bars
    trades      the rows of a trades file
    report      figures of a replay's report
    state_file  exported state, read and written
    artifacts/  runs, artifacts and their hashes on disk
    market/     bars in memory and what is odd about them
    store/      candles and funding on disk

The pure part (errors, clock, market) never imports the outer part (store).
"""
