"""Where things lie: the only settings that the environment may give, and their only reader.

PERPKIT_ROOT is the same as `--root`; nothing that changes a result is ever read from here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Paths, from PERPKIT_* variables."""

    model_config = SettingsConfigDict(env_prefix="PERPKIT_", extra="ignore", frozen=True)

    root: Path = Path()


def load_settings() -> Settings:
    """The settings of this process, read anew at each call."""
    return Settings()
