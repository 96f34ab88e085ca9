"""The artifact tree on disk.

tree       what others import: everything below but hashing and manifest
hashing    canonical JSON, SHA-256 of bytes and files, the content hash
writing    whole files or none: write_text_atomic, write_bytes_atomic, replacing
runs       Run, open_run, find_runs, find_run, resolve_artifact
files      write_artifact, read_artifact, read_any: envelope, schema and hash checks
manifest   running_command (opens, locks and records), record_command
"""
