"""What the venue said of its symbols is kept line by line and never changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from core.clock import ManualClock
from core.errors import InputError
from core.market.metadata import MarginTier
from core.store.metadata import Lifetime, SymbolState, add, known, load
from core.store.series import Origin

ORIGIN = Origin("hyperliquid mainnet", "0" * 64)
BTC = SymbolState("BTC", 5, 40.0, (MarginTier(0.0, 40.0), MarginTier(150e6, 20.0)))


def test_a_store_without_the_file_knows_nothing(tmp_path: Path) -> None:
    assert load(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_what_is_added_is_read_back(tmp_path: Path) -> None:
    assert add(tmp_path, [BTC], {"BTC": Lifetime(1_000, None)}, ORIGIN, ManualClock(5)) == 2

    found = load(tmp_path)["BTC"]
    assert (found.size_decimals, found.leverage_max, found.tiers) == (5, 40.0, BTC.tiers)
    assert (found.listed_ms, found.delisted_ms) == (1_000, None)


def test_only_changes_are_added_and_the_old_lines_stay(tmp_path: Path) -> None:
    add(tmp_path, [BTC], {}, ORIGIN, ManualClock(5))
    assert add(tmp_path, [BTC], {}, ORIGIN, ManualClock(6)) == 0
    changed = replace(BTC, leverage_max=20.0)

    assert add(tmp_path, [changed], {}, ORIGIN, ManualClock(7)) == 1

    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    lines = connection.execute("SELECT at_ms, leverage_max FROM states ORDER BY id").fetchall()
    assert lines == [(5, 40.0), (7, 20.0)]
    for statement in ("UPDATE states SET leverage_max = 1", "DELETE FROM states"):
        with pytest.raises(apsw.ConstraintError, match="never changed"):
            connection.execute(statement)
    connection.close()


def test_a_delisting_counts_from_its_last_bar_or_from_when_it_was_first_seen(
    tmp_path: Path,
) -> None:
    add(tmp_path, [BTC], {}, ORIGIN, ManualClock(5))
    gone = replace(BTC, is_delisted=True)
    add(tmp_path, [gone], {}, ORIGIN, ManualClock(70))
    add(tmp_path, [replace(gone, is_there=False)], {}, ORIGIN, ManualClock(90))
    assert load(tmp_path)["BTC"].delisted_ms == 70

    add(tmp_path, [], {"BTC": Lifetime(1, 60)}, ORIGIN, ManualClock(95))
    assert load(tmp_path)["BTC"].delisted_ms == 60


def test_a_symbol_that_comes_back_is_listed_again(tmp_path: Path) -> None:
    add(tmp_path, [replace(BTC, is_delisted=True)], {}, ORIGIN, ManualClock(5))
    add(tmp_path, [BTC], {}, ORIGIN, ManualClock(7))

    assert load(tmp_path)["BTC"].delisted_ms is None
    assert known(tmp_path).delisted_seen_ms == {}


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        (Origin("hyperliquid testnet", "0" * 64), "holds symbols of hyperliquid mainnet"),
        (Origin("synthetic", "0" * 64, synthetic=True), "never mixed"),
    ],
)
def test_networks_and_made_up_symbols_are_not_mixed(
    tmp_path: Path, origin: Origin, says: str
) -> None:
    add(tmp_path, [BTC], {}, ORIGIN, ManualClock(5))

    with pytest.raises(InputError, match=says):
        add(tmp_path, [replace(BTC, symbol="ETH")], {}, origin, ManualClock(6))
    assert set(load(tmp_path)) == {"BTC"}


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE meta SET value = '9' WHERE key = 'schema_version'", "schema version 9"),
        ("UPDATE meta SET value = 'x' WHERE key = 'holds'", "holds x, not symbol metadata"),
    ],
)
def test_another_version_or_another_file_is_refused(
    tmp_path: Path, statement: str, says: str
) -> None:
    add(tmp_path, [BTC], {}, ORIGIN, ManualClock(5))
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite"))
    connection.execute(statement)
    connection.close()

    with pytest.raises(InputError, match=says):
        load(tmp_path)


def test_noise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.sqlite").write_bytes(b"noise " * 4_000)

    with pytest.raises(InputError, match="damaged or not an SQLite database"):
        load(tmp_path)
