"""Arguments in, exit code out: one file per command, nothing decided here.

main      registration of the commands; errors and signals become text and exit codes
options   options that several commands share
output    results on stdout, progress and warnings on stderr
config    `perpkit config`: strategy files
show      `perpkit show`: runs and artifacts
"""
