"""Who runs this process, as the operating system says."""

from __future__ import annotations

import os
import pwd


def login_name() -> str:
    """Name of the user that this process acts as, or `uid N` for one without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
