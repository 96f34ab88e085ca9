"""Use cases: one file per command, the imperative shell around core.

rows              a file of candles or funding rates, checked row by row
config_files      what `perpkit config` does with files
import_reference  a configuration of the reference as a strategy file of ours
show              runs and artifacts as sections of text
gen               every file that is made from the declarations
"""
