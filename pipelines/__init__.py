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
replay_warnings   bars and rates that a replay missed
replay            a strategy over stored bars, with report, trades and state
sweep             a grid over the search window; the best as strategies
sweep_results     the table of results, and which rows may be ranked
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
rerun             a replay made again from its report
show_search       the pages of a sweep report and a gate report
compare           two replays, or a replay and other trades, and their first divergence
divergence        the bar, and the rule with its numbers, at which two replays part
foreign_trades    a file of trades, ours or another system's
show_compare      the page of a compare report
gen               every file that is made from the declarations
bench_venue       a venue on this machine for it, and how fast it is fetched from
bench_sweep       the rows that a sweep is measured on
bench             speed and memory, measured

A pipeline takes a frozen request, a Clock and callbacks for notes and progress, and gives back a
result; it never prints.
"""
