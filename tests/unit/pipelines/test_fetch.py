"""`perpkit fetch` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import main
from core.artifacts.tree import read_artifact
from core.store import candles, funding
from schemas.fetch import DataReport
from tests.candle_rows import START_MS, Record, record, write_csv

BARS = [record("BTC", 0), record("BTC", 1), record("BTC", 4, volume=0.0), record("ETH", 1)]


class Fetch:
    """Runs the command in a folder of its own and keeps what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *options: str) -> int:
        place = ["--store", str(self.store), "--root", str(self.folder / "root")]
        code = main.run(["fetch", *place, *options])
        self.out, self.err = self._capsys.readouterr()
        return code

    def file(self, records: list[Record], name: str = "bars.csv") -> list[str]:
        return ["--from-file", str(write_csv(self.folder / name, records))]

    def report(self) -> DataReport:
        return read_artifact(Path(self.out.strip()), DataReport)[1]

    def as_json(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@pytest.fixture
def fetch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fetch:
    return Fetch(tmp_path, capsys)


def test_the_report_says_what_is_odd_and_what_was_stored(fetch: Fetch) -> None:
    assert fetch(*fetch.file([*BARS, BARS[0]])) == 0

    report = fetch.report()
    btc, eth = report.symbols
    assert (report.bars, report.symbol_count, report.bars_fewest) == (4, 2, 1)
    assert (btc.first_utc, btc.last_utc) == ("2025-01-01T00:00:00Z", "2025-01-01T04:00:00Z")
    assert (btc.gaps, btc.missing_bars, btc.gap_longest_bars) == (1, 2, 2)
    assert (btc.zero_volume_bars, btc.duplicates, btc.bad_rows) == (1, 1, 0)
    assert (eth.gaps, eth.duplicates) == (0, 0)
    assert report.ingest.inserted == 4
    assert report.store_sha256 == candles.load(fetch.store, "1h").sha256
    assert "not filled" in fetch.err


def test_fetching_again_says_unchanged_and_finds_the_report(fetch: Fetch) -> None:
    fetch(*fetch.file(BARS))
    first = fetch.out

    assert fetch(*fetch.file(BARS), "--run", "latest") == 0

    assert fetch.out == first
    assert "store unchanged" in fetch.err
    assert fetch.report().ingest.inserted == 4


def test_another_file_between_does_not_hide_the_first_report(fetch: Fetch) -> None:
    fetch(*fetch.file(BARS))
    assert fetch(*fetch.file([record("SOL", 3)], "more.csv"), "--run", "latest") == 0

    assert fetch(*fetch.file(BARS), "--run", "latest") == 0
    assert fetch.report().symbol_count == 3


def test_an_artifact_names_its_source(fetch: Fetch) -> None:
    fetch(*fetch.file(BARS), "--source", "my recorder")

    envelope, report = read_artifact(Path(fetch.out.strip()), DataReport)

    assert envelope.sources[0].path.endswith("bars.csv")
    assert report.source == "my recorder"
    assert not envelope.synthetic


def test_bad_rows_refuse_the_file_unless_they_are_to_be_skipped(fetch: Fetch) -> None:
    bad: list[Record] = [*BARS, ("BTC", START_MS, 1.0, 0.5, 2.0, 1.0, 1.0)]

    assert fetch(*fetch.file(bad)) == 3
    assert "1 of 5 rows cannot be stored: row 6 crossed OHLC" in fetch.err
    assert "nothing stored" in fetch.err
    assert not fetch.store.exists()

    assert fetch(*fetch.file(bad), "--skip-bad") == 0
    report = fetch.report()
    assert (report.bad_rows, report.source_rows.crossed_ohlc, report.bars) == (1, 1, 4)
    assert report.symbols[0].crossed_ohlc == 1
    assert "bad rows: 1" in fetch.err


BROKEN: list[Record] = [
    ("BTC", START_MS, 1.0, 0.5, 2.0, 1.0, 1.0),
    ("BTC", START_MS, 1.0, float("nan"), 0.5, 1.0, 1.0),
    ("ETH", START_MS, 0.0, 2.0, 0.5, 1.0, 1.0),
    ("ETH", START_MS, -1.0, 2.0, -2.0, 1.0, 1.0),
]


def test_a_refused_file_leaves_the_report_of_what_was_found(fetch: Fetch) -> None:
    assert fetch(*fetch.file([*BARS, *BROKEN])) == 3

    report = fetch.report()
    assert not report.stored
    assert (report.bars, report.symbol_count, report.bad_rows) == (4, 2, 4)
    assert (report.ingest.inserted, report.ingest.unchanged) == (0, 0)
    source = report.source_rows
    assert (source.crossed_ohlc, source.not_finite, source.not_positive) == (1, 1, 2)
    assert [symbol.bad_rows for symbol in report.symbols] == [2, 2]
    assert fetch.out.strip() in fetch.err
    assert "row 6 crossed OHLC" in fetch.err
    assert not fetch.store.exists()


def test_a_broken_limit_comes_before_bad_rows_and_says_which(fetch: Fetch) -> None:
    assert fetch(*fetch.file([*BARS, *BROKEN]), "--require", "crossed_ohlc=0") == 1

    assert "crossed_ohlc is 1, at most 0 allowed" in fetch.err
    assert not fetch.report().stored
    assert not fetch.store.exists()


def test_a_file_of_bad_rows_alone_has_a_report_too(fetch: Fetch) -> None:
    assert fetch(*fetch.file(BROKEN), "--json") == 3

    said = fetch.as_json()
    assert (said["data"]["bars"], said["data"]["bad_rows"]) == (0, 4)
    report = read_artifact(Path(said["data"]["paths"][0]), DataReport)[1]
    assert (report.first_utc, report.symbols) == (None, ())
    assert main.run(["show", said["data"]["paths"][0]]) == 0


def test_a_refused_file_says_the_same_twice_and_is_stored_once_mended(fetch: Fetch) -> None:
    fetch(*fetch.file([*BARS, BROKEN[0]]))
    first = fetch.out

    assert fetch(*fetch.file([*BARS, BROKEN[0]]), "--run", "latest") == 3
    assert fetch.out == first
    assert fetch(*fetch.file([*BARS, BROKEN[0]]), "--run", "latest", "--skip-bad") == 0
    assert fetch.report().stored
    assert fetch.out != first


def test_a_file_with_nothing_usable_is_refused(fetch: Fetch) -> None:
    assert fetch(*fetch.file([("BTC", START_MS, -1.0, 2.0, 0.5, 1.0, 1.0)]), "--skip-bad") == 3
    assert "no usable candles: of 1 rows 1 not_positive" in fetch.err


@pytest.mark.parametrize(
    ("require", "says"),
    [
        (["gaps=0"], "gaps is 1, at most 0 allowed"),
        (["gaps=1", "missing_bars=1"], "missing_bars is 2, at most 1 allowed"),
        (["bars=5,zero_volume_bars=0"], "bars is 4, at least 5 required; zero_volume_bars is 1"),
        (["duplicates=0"], "duplicates is 1, at most 0 allowed"),
    ],
)
def test_a_broken_limit_is_an_answer_and_the_report_is_there(
    fetch: Fetch, require: list[str], says: str
) -> None:
    options = [part for limit in require for part in ("--require", limit)]

    assert fetch(*fetch.file([*BARS, BARS[0]]), *options) == 1

    assert says in fetch.err
    assert fetch.report().bars == 4
    assert candles.load(fetch.store, "1h").bar_count == 4


def test_limits_that_hold_pass(fetch: Fetch) -> None:
    limits = "gaps=1,missing_bars=2,bars=4,outliers=3,bad_rows=0,symbol_count=2,bars_fewest=1"

    assert fetch(*fetch.file(BARS), "--require", limits) == 0


@pytest.mark.parametrize(
    ("limit", "says"),
    [("gap=0", "did you mean gaps?"), ("gaps", "a whole number"), ("gaps=-1", "a whole number")],
)
def test_a_limit_that_means_nothing_is_a_usage_error(fetch: Fetch, limit: str, says: str) -> None:
    assert fetch(*fetch.file(BARS), "--require", limit) == 2
    assert says in fetch.err
    assert not fetch.store.exists()


def test_a_broken_limit_in_json_is_one_object_with_the_data(fetch: Fetch) -> None:
    assert fetch(*fetch.file(BARS), "--require", "gaps=0", "--json") == 1

    said = fetch.as_json()
    assert (said["schema"], said["ok"], said["error"]["code"]) == ("perpkit.fetch", False, 1)
    assert said["data"]["ingest"] == {"inserted": 4, "unchanged": 0, "revised": 0}
    assert Path(said["data"]["paths"][0]).is_file()


def test_stored_bars_change_only_with_a_reason(fetch: Fetch) -> None:
    fetch(*fetch.file(BARS))
    changed = [record("BTC", 0, 1.9)]

    assert fetch(*fetch.file(changed)) == 3
    assert "BTC 2025-01-01T00:00:00Z close_px 1.5 -> 1.9" in fetch.err

    assert fetch(*fetch.file(changed), "--revise", "bad print") == 0
    assert fetch.report().ingest.revised == 1
    assert candles.load(fetch.store, "1h").close_px[0, 0] == 1.9


def test_a_synthetic_market_is_marked_and_made_once(fetch: Fetch) -> None:
    options = ["--synthetic", "--seed", "7", "--symbols-count", "5", "--bars", "120"]
    assert fetch(*options) == 0
    first, last = fetch.out.splitlines()
    envelope, report = read_artifact(Path(first), DataReport)
    assert envelope.synthetic
    assert (report.source, report.holds, report.interval) == ("synthetic seed 7", "candles", "1h")
    assert candles.load(fetch.store, "1h").synthetic
    envelope, report = read_artifact(Path(last), DataReport)
    assert envelope.synthetic
    assert (report.holds, report.interval, report.gaps) == ("funding", "1h", 0)
    assert funding.load(fetch.store).synthetic

    assert fetch(*options) == 0
    assert "store unchanged" in fetch.err
    assert fetch("--synthetic", "--seed", "8", *options[3:]) == 3
    assert "another --store folder" in fetch.err


def test_a_synthetic_market_at_several_intervals_is_a_series_each(fetch: Fetch) -> None:
    options = ["--synthetic", "--symbols-count", "5", "--bars", "120", "--interval", "1h,15m"]
    assert fetch(*options, "--json") == 0

    said = fetch.as_json()
    series = [(each["holds"], each["interval"]) for each in said["data"]["series"]]
    assert series == [("candles", "1h"), ("candles", "15m"), ("funding", "1h")]
    assert len(said["data"]["paths"]) == 3
    coarse, fine = candles.load(fetch.store, "1h"), candles.load(fetch.store, "15m")
    assert len(fine.ts_open_ms) == 4 * len(coarse.ts_open_ms)
    assert (fine.close_px[3::4] == coarse.close_px).all()


def test_a_limit_is_about_the_candles_of_a_synthetic_market(fetch: Fetch) -> None:
    options = ["--synthetic", "--symbols-count", "5", "--bars", "120", "--require", "gaps=0"]

    assert fetch(*options) == 1
    assert "gaps is" in fetch.err
    assert len(funding.load(fetch.store).rows) > 500


def test_recorded_bars_do_not_enter_a_synthetic_store(fetch: Fetch) -> None:
    fetch("--synthetic", "--symbols-count", "5", "--bars", "120")

    assert fetch(*fetch.file(BARS)) == 3
    assert "never mixed" in fetch.err


def test_funding_goes_into_its_own_file(fetch: Fetch) -> None:
    rows = [(START_MS + hour * 3_600_000 + 12, "BTC", 1e-5, "") for hour in (0, 1, 3)]
    columns = ("time", "symbol", "rate", "premium")
    file = write_csv(fetch.folder / "f.csv", rows, columns)

    assert fetch("--from-file", str(file), "--kind", "funding") == 0

    report = fetch.report()
    assert (report.holds, report.bars, report.gaps) == ("funding", 3, 1)
    assert len(funding.load(fetch.store).rows) == 3


def rates(folder: Path, hours: list[int], rate: float = 8e-4) -> list[str]:
    """Options for a file of one symbol's funding at these hours."""
    rows = [(START_MS + hour * 3_600_000 + 12, "BTC", rate, "") for hour in hours]
    file = write_csv(folder / "f.csv", rows, ("time", "symbol", "rate", "premium"))
    return ["--from-file", str(file), "--kind", "funding"]


def test_rates_of_another_period_are_divided_once_it_is_stated(fetch: Fetch) -> None:
    source = rates(fetch.folder, [0, 8, 16, 32, 40])

    assert fetch(*source) == 3
    assert "paid every 8 hours in this file, not every 1" in fetch.err
    assert "--funding-interval 8h" in fetch.err
    assert not fetch.store.exists()

    assert fetch(*source, "--funding-interval", "8h") == 0
    assert funding.load(fetch.store).rows.values[:, 0].tolist() == [1e-4] * 5


def test_a_wrong_funding_period_is_refused(fetch: Fetch) -> None:
    hourly = rates(fetch.folder, [0, 1, 2, 4, 5])

    assert fetch(*hourly, "--funding-interval", "8h") == 3
    assert "paid every 1 hours in this file, not every 8" in fetch.err
    assert fetch(*hourly, "--funding-interval", "3d") == 2
    assert fetch(*rates(fetch.folder, [0, 5, 10, 15])) == 3
    assert "one regular period" in fetch.err
    assert not fetch.store.exists()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ([], 2, "nothing to fetch"),
        (["--from-file", "x.csv", "--synthetic"], 2, "of its own"),
        (["--synthetic", "--kind", "funding"], 2, "of its own"),
        (["--synthetic", "--bars", "3"], 2, "bars of a synthetic market"),
        (["--from-file", "x.csv"], 3, "No such file"),
        (["--from-file", "x.csv", "--kind", "trades"], 2, "--kind 'trades'"),
        (["--from-file", "x.csv", "--interval", "7h"], 3, "did you mean"),
        (["--synthetic", "--interval", "1h,7h"], 3, "did you mean"),
        (["--synthetic", "--interval", "1h,"], 3, "interval ''"),
        (["--synthetic", "--bars", "200", "--interval", "5m,1w"], 2, "0 bars of 1w"),
        (["--from-file", "x.csv", "--interval", "1h,5m"], 3, "'1h,5m'"),
        (["--synthetic", "--run", "nope"], 3, "there is no run"),
    ],
)
def test_what_cannot_be_done_is_refused(
    fetch: Fetch, options: list[str], code: int, says: str
) -> None:
    assert fetch(*options) == code
    assert says in fetch.err
    assert fetch.err.count("error: ") == 1


def test_the_recorded_candles_are_as_their_manifest_says(fetch: Fetch, shared_dir: Path) -> None:
    file = shared_dir / "data" / "hl_candles_1h.parquet"

    assert fetch("--from-file", str(file), "--require", "gaps=0,bad_rows=0,duplicates=0") == 0

    report = fetch.report()
    assert (report.symbol_count, report.bars, report.gaps) == (52, 294_606, 0)
    assert report.zero_volume_bars == 136
    assert (report.first_utc, report.last_utc) == ("2024-09-04T11:00:00Z", "2025-05-31T23:00:00Z")


def test_the_recorded_funding_is_as_its_manifest_says(fetch: Fetch, shared_dir: Path) -> None:
    file = shared_dir / "data" / "hl_funding_1h.parquet"

    assert fetch("--from-file", str(file), "--kind", "funding") == 0

    report = fetch.report()
    assert (report.symbol_count, report.bars) == (52, 499_962)
    assert (report.gaps, report.missing_bars) == (284, 1742)
