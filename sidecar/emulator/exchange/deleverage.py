"""The last resort: winners are closed against a side that cannot pay."""

from __future__ import annotations
