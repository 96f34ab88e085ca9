"""One rule of a decision: value, limit, verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Check:
    """One rule: `value` compared with `limit`, whether it let the decision through, and its key.

    A rule that is switched off, or has nothing to judge, passes without value and limit.  After
    one that `ends` no later rule is asked.
    """

    rule: str
    key: str
    value: float | None
    relation: str
    limit: float | None
    passed: bool
    ends: bool = False

    def only_if(self, on: object) -> Check:
        """The rule itself, or the rule as one that was not asked."""
        return self if on else replace(self, value=None, limit=None, passed=True)

    def said(self) -> str:
        """`ADX 18.2 > 22.5 does not hold (thresholds.entry.min_adx)`."""
        if self.value is None:
            return f"{self.rule}: not asked"
        limit = "" if self.limit is None else f" {self.limit:.6g}"
        verdict = "holds" if self.passed else "does not hold"
        key = f" ({self.key})" if self.key else ""
        return f"{self.rule}: {self.value:.6g} {self.relation}{limit} {verdict}{key}"


def first_failing(checks: list[Check]) -> Check | None:
    """The first rule that did not let the decision through, or None."""
    return next((check for check in checks if not check.passed), None)
