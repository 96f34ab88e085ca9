"""Where things lie: the only settings that the environment may give, and their only reader.

PERPKIT_ROOT is the same as `--root`; nothing that changes a result is ever read from here.  What
the system tells a service of its place (systemd, XDG) is read here too.
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


class HostSettings(BaseSettings):
    """What the system tells a service: where its socket may lie, and who watches over it."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    xdg_runtime_dir: Path | None = None
    notify_socket: str = ""
    watchdog_usec: int = 0


def load_host() -> HostSettings:
    """What the system tells this process, read anew at each call."""
    return HostSettings()
