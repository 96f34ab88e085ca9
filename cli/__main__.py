"""`python -m cli` is the same as `perpkit`."""

from __future__ import annotations

from cli.main import main

main()
