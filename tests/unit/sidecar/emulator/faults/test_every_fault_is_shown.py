"""Every fault that is declared has code at a hook and a test that shows its effect."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from schemas.fault_kind import REASONS
from schemas.fault_kinds import FAULT_KINDS
from schemas.fault_schedule import OPTION_KEYS, WHOM_KEYS, FaultSpec
from sidecar.emulator.exchange import checks
from sidecar.emulator.faults.actions import ACTIONS
from sidecar.emulator.faults.answers import CHANGES
from sidecar.emulator.faults.calls import AFTER, BEFORE
from sidecar.emulator.faults.passing import PASSING
from sidecar.emulator.faults.plane import CLOSING
from sidecar.emulator.faults.venue import TURNS

TESTS = Path(__file__).resolve().parents[4]
PROXY_TESTS = TESTS / "unit/sidecar/emulator/test_proxy.py"
ELSEWHERE = {"sub_err", "jump"}
"""Hooks of their own: subscriptions and the served clock."""
CATALOGUE = """\
ws_close blackhole delay throttle reorder dup old_snapshot drop_user mute_sub sub_err 429 5xx_before
5xx_after garble accept_hang swap flap partial lost_after lost_before late_accept rest_instead
cancel_race reject ro_reject min_ntl oracle tier lev_lost margin liq adl delist halt postonly
funding nonce foreign skew agent empty partial_list external transfer fee sibling dms meta_shift
oo_limit badfill mode gap revise dup_bar glitch wrong_iv jump empty_book stall outage
"""


def decorated(path: Path) -> set[str]:
    """Names that the `@shows` of a file's tests carry."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "shows":
                    found |= {ast.literal_eval(argument) for argument in mark.args}
    return found


def proxied(path: Path) -> set[str]:
    """Faults of which a test of the proxy asserts the counter."""
    return set(re.findall(r'counter\("(\w+)"\)\.had_effect', path.read_text()))


def test_the_whole_catalogue_is_there() -> None:
    assert set(CATALOGUE.split()) - set(FAULT_KINDS) == set()


def test_every_fault_is_shown_where_it_acts() -> None:
    files = sorted((TESTS / "conformance").glob("test_faults*.py"))
    shown = set().union(*map(decorated, files))
    by_proxy = proxied(PROXY_TESTS)

    assert {name for name, kind in FAULT_KINDS.items() if "gateway" in kind.vias} == shown
    assert {name for name, kind in FAULT_KINDS.items() if "proxy" in kind.vias} == by_proxy


def test_every_fault_of_the_gateway_has_code_and_no_code_is_of_no_fault() -> None:
    coded = {*BEFORE, *AFTER, *CHANGES, *PASSING, *ACTIONS, *TURNS, *CLOSING, *ELSEWHERE}

    assert coded == {name for name, kind in FAULT_KINDS.items() if "gateway" in kind.vias}


@pytest.mark.parametrize("name", FAULT_KINDS)
def test_every_fault_works_with_its_name_alone_and_with_all_that_it_declares(name: str) -> None:
    kind = FAULT_KINDS[name]

    alone = FaultSpec.model_validate({"fault": name})
    assert set(kind.options) <= set(alone.options())
    for via in kind.vias:
        whole = FaultSpec.model_validate({"fault": name, "via": via, **alone_options(name, via)})
        assert whole.options() == FaultSpec.model_validate({"fault": name, "via": via}).options()
    for how in kind.hows:
        assert FaultSpec.model_validate({"fault": name, "how": how}).options()["how"] == how
    assert set(kind.whom) <= set(WHOM_KEYS)
    assert {*kind.options, "how"} <= set(OPTION_KEYS)


def alone_options(name: str, via: str) -> dict[str, object]:
    return {**FaultSpec.model_validate({"fault": name, "via": via}).options()}


def test_the_documented_reasons_have_the_exchange_s_words() -> None:
    assert len(REASONS) == 16
    assert REASONS["tickRejected"] == checks.TICK
    assert REASONS["reduceOnlyRejected"] == checks.REDUCE_ONLY
    assert REASONS["iocCancelRejected"] == checks.NO_MATCH
    assert REASONS["badTriggerPxRejected"] == checks.BAD_TRIGGER
    assert REASONS["marketOrderNoLiquidityRejected"] == checks.NO_LIQUIDITY
    assert REASONS["positionIncreaseAtOpenInterestCapRejected"] == checks.CAPPED
    assert REASONS["tooAggressiveAtOpenInterestCapRejected"] == checks.TOO_AGGRESSIVE
    assert REASONS["openInterestIncreaseRejected"] == checks.TOO_QUICK
    assert REASONS["oracleRejected"] == checks.FAR_FROM_ORACLE
    assert REASONS["tooManyOpenOrdersRejected"] == checks.TOO_MANY
    assert {reason: REASONS[reason] for reason in checks.MARGIN_WORDS} == checks.MARGIN_WORDS
