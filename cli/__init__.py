"""Arguments in, exit code out: one file per command, nothing decided here.

main      registration of the commands; errors and signals become text and exit codes
options   options that several commands share
output    results on stdout, progress and warnings on stderr
fetch     `perpkit fetch`: bars and funding rates into a store
fetch_sources  what it does for each source
replay    `perpkit replay`: one strategy over stored bars
sweep     `perpkit sweep`: a grid of strategies over the search window
validate  `perpkit validate`: candidates against the gates, on the holdout
deploy    `perpkit deploy`: a judged strategy into a lane, or the one before back
show      `perpkit show`: runs and artifacts
compare   `perpkit compare`: where two replays, or a replay and other trades, part
emulator  `perpkit emulator`: a venue of one's own on this machine
sidecar   `perpkit sidecar`: the market's data for all programs of this machine
config    `perpkit config`: strategy files and other settings

A command's function is its interface: options are declared as Annotated types, the docstring is the
help, and the body imports its pipeline inside, since numba and polars take longer to import than
most commands take to run.
"""
