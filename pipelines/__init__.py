"""Use cases: one file per command, the imperative shell around core.

fetch             rows of a file, or a made-up market, into a store
fetch_venue       what the venue has and the store has not, page by page
fetch_plan        what that would cost, without doing it
fetch_resample    longer bars out of stored shorter ones
venue_options     kinds, intervals, symbols and a beginning, as they are typed
venue_symbols     which symbols, what the venue says of them, since when they trade
venue_series      what is missing of a series, and the walk from page to page
venue_reports     reports, warnings and the error of a fetch from the venue
rows              a file of candles or funding rates, checked row by row
funding_period    rates of a file as rates per hour
data_report       what a fetch found, and the limits of `--require`
replay_warnings   bars, rates and margin tables that a replay missed
replay            a strategy over stored bars, with report, trades and state
explain           one decision of a replay, which is run up to it
sweep             a grid over the search window; the best as strategies
sweep_crew        who runs its shards: threads or GPUs
sweep_rows        rows evaluated shard by shard; what the journal has is not run again
sweep_resume      which journal a stopped sweep has, and what it rests on
sweep_trials      what a sweep tried, counted in the ledger
sweep_results     the table of results, and which rows may be ranked
sweep_search      rows that a method draws, batch by batch
validate          candidates judged on the holdout, one gate report each
candidates        what `validate` judges, and on which bars
verdict_table     verdicts as a table
deploy            a judged strategy into a lane
config_files      what `perpkit config` does with files
import_reference  a configuration of the reference as a strategy file of ours
summaries         one line about a result, for who watches a command end
show              runs and artifacts as sections of text
sections          titled tables, and how a value is written for a person
show_reports      what each kind of artifact shows
show_replay       the page of a replay report
tear_sheet        a replay as one HTML file: figures, charts, trades on candles
sheet_data        what a tear sheet draws, as plain data
sheet_page        HTML pages that need no network and run no script but ours
sweep_page        a sweep as one HTML file: candidates, which axes decide, charts
sweep_page_data   what that page draws, aggregated from the results
rerun             a replay made again from its report
show_search       the pages of a sweep report and a gate report
compare           two replays, or a replay and other trades, and their first divergence
divergence        the bar, and the rule with its numbers, at which two replays part
foreign_trades    a file of trades, ours or another system's
show_compare      the page of a compare report
show_decision     the page of one decision
gen               every file that is made from the declarations
demo_market       what `make demo` collects, and how far it has come
demo_venue        the client of `make demo-venue`
bench_venue       a venue on this machine for it, and how fast it is fetched from
bench_problems    what searches are measured on
bench_search      searches against Optuna's
bench_cuda        how fast the CUDA engine is on a GPU
ptx_report        what the CUDA kernel takes on each architecture
bench_sweep       the rows that a sweep is measured on
bench             speed and memory, measured

A pipeline takes a frozen request, a Clock and callbacks for notes and progress, and gives back a
result; it never prints.
"""
