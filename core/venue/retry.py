"""How long to wait before asking again, and when to give up.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Limits on asking again.

    `attempts` counts requests, the first one too.  A network that cannot be reached at all is given
    up after `attempts_unreached`: nobody waits minutes to learn that a cable is out.
    """

    attempts: int = 12
    attempts_unreached: int = 5
    total_ms: int = 180_000
    delay_first_ms: int = 500
    delay_ms_max: int = 20_000

    def delay_ms(self, attempt: int, chance_frac: float) -> int:
        """Wait after the attempt of that number (from 1): doubled each time, half of it by chance.

        Chance keeps programs that failed together from coming back together.
        """
        full = min(self.delay_ms_max, self.delay_first_ms * 2 ** min(attempt - 1, 30))
        return int(full * (0.5 + 0.5 * chance_frac))

    def is_over(self, attempt: int, elapsed_ms: int, *, unreached: bool) -> bool:
        """May no further attempt follow the attempt of that number?"""
        limit = self.attempts_unreached if unreached else self.attempts
        return attempt >= limit or elapsed_ms >= self.total_ms
