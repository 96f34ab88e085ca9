"""Candidates are judged on bars that no search has seen, and every trial raises the bar."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cli import main
from core.artifacts.hashing import sha256_file
from core.artifacts.tree import find_run, read_artifact
from core.clock import ManualClock
from core.config import load_strategy
from core.errors import HaltError, InputError, RefusedError, UsageError
from core.market.synthetic import MarketSpec, synthetic_rows
from core.store.candles import ingest, load
from core.store.ledger import TrialLedger
from core.store.series import Origin
from pipelines.sweep import SweepRequest
from pipelines.sweep import run as run_sweep
from pipelines.validate import ValidateRequest, ValidateResult, run
from pipelines.verdict_table import verdict_head, verdict_table
from schemas.artifact import RunMetadata
from schemas.sweep import SweepReport
from schemas.validation import GateReport
from tests.deployments import forged

CLOCK = ManualClock(1_767_323_045_678)
SPEC = """
kind: sweep-spec
version: 1
base: base.yaml
window: {holdout_frac: HOLDOUT}
top: 3
min_positions: 5
axes:
  - {path: trade.stop_loss_atr, values: [1.5, 2.5]}
  - {path: trade.trailing_start_atr, values: [0.8, 2]}
"""
BASE = "kind: strategy\nversion: 1\nglobal: {trade: {entry_min_confidence: low}}\n"
LOOSE = "kind: gates\nversion: 1\npositions_min_count: 5\nslices_positive_min_count: 1\n"
HARD = "kind: gates\nversion: 1\npositions_min_count: 1000000\n"


def quiet(*_: object) -> None:
    """Swallow notes and progress."""


def make_store(folder: Path, spec: MarketSpec, *, synthetic: bool = True) -> None:
    origin = Origin(source="made", sha256="0" * 64, synthetic=synthetic)
    ingest(folder, "1h", synthetic_rows(spec), origin, CLOCK)


def sweep_into(root: Path, holdout_frac: float = 0.25) -> str:
    """Run id of a sweep of the root's base over its store."""
    spec = root / f"sweep-{holdout_frac}.yaml"
    spec.write_text(SPEC.replace("HOLDOUT", str(holdout_frac)))
    request = SweepRequest(spec=spec, store=root / "stores", root=root)
    result = run_sweep(request, CLOCK, quiet, quiet)
    return read_artifact(result.path, SweepReport)[0].run_id


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A root with a store, a swept run, gates files; and the run's id."""
    root = tmp_path_factory.mktemp("validate") / "root"
    make_store(root / "stores", MarketSpec(seed=5, symbol_count=6, bar_count=2_400))
    (root / "base.yaml").write_text(BASE)
    (root / "loose.yaml").write_text(LOOSE)
    (root / "hard.yaml").write_text(HARD)
    return root, sweep_into(root)


@pytest.fixture
def root(template: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(template[0], tmp_path / "root"))


@pytest.fixture
def run_id(template: tuple[Path, str]) -> str:
    return template[1]


def validate(
    root: Path, target: str, *, gates: str = "loose.yaml", **changes: object
) -> ValidateResult:
    request = ValidateRequest(target=target, store=root / "stores", root=root, gates=root / gates)
    return run(replace(request, **changes), CLOCK, quiet, quiet)  # type: ignore[arg-type]


def sweep_report_path(root: Path, run_id: str) -> Path:
    found = (find_run(root, run_id).dir / "sweeps").glob("*.json")
    (path,) = (each for each in found if not each.name.endswith(".top.json"))
    return path


def ledger_count(root: Path) -> int:
    with TrialLedger.open(root) as ledger:
        return len(ledger.lines())


def test_each_candidate_of_a_sweep_gets_a_report_in_its_run(root: Path, run_id: str) -> None:
    _, sweep = read_artifact(sweep_report_path(root, run_id), SweepReport)

    result = validate(root, run_id)

    assert [verdict.report.rank for verdict in result.verdicts] == [1, 2, 3]
    for verdict, entry in zip(result.verdicts, sweep.top, strict=True):
        envelope, report = read_artifact(verdict.path, GateReport)
        assert report == verdict.report
        assert envelope.run_id == run_id
        assert envelope.synthetic
        assert verdict.path.name == f"{entry.config_id}.json"
        assert verdict.config == find_run(root, run_id).dir / entry.config_path
        assert report.config_id == load_strategy(verdict.config).config_id
        assert report.spec_sha256 == sweep.spec_sha256


def test_only_the_holdout_is_judged(root: Path, run_id: str) -> None:
    _, sweep = read_artifact(sweep_report_path(root, run_id), SweepReport)
    block = load(root / "stores", "1h")
    windows = sweep.windows
    inside = block.ts_open_ms >= windows.holdout_start_ms

    report = validate(root, run_id).verdicts[0].report

    assert (report.holdout_start_ms, report.holdout_end_ms) == (
        windows.holdout_start_ms,
        windows.holdout_end_ms,
    )
    assert windows.holdout_start_ms > windows.search_end_ms
    assert report.holdout[0].metrics["bar_count"] == int(inside.sum())
    assert report.slices[0].start_ms == windows.holdout_start_ms
    assert report.slices[-1].end_ms == windows.holdout_end_ms


def test_slices_add_up_to_the_net_pnl_at_the_judged_slippage(root: Path, run_id: str) -> None:
    report = validate(root, run_id).verdicts[0].report

    changes = [part.pnl_usd for part in report.slices]
    assert [each.slippage_bps for each in report.holdout] == [20.0, 10.0, 30.0]
    assert None not in changes
    assert sum(change or 0.0 for change in changes) == pytest.approx(
        report.holdout[0].metrics["net_pnl_usd"], abs=1e-6
    )


def test_survivors_are_the_ones_that_passed_every_gate(root: Path, run_id: str) -> None:
    result = validate(root, run_id)

    assert result.survivors
    assert result.refusal is None
    for verdict in result.verdicts:
        assert verdict.report.passed == all(check.passed for check in verdict.report.checks)
        assert (verdict in result.survivors) == verdict.report.passed


def test_when_all_are_refused_the_reports_say_why(root: Path, run_id: str) -> None:
    result = validate(root, run_id, gates="hard.yaml")

    assert result.survivors == ()
    assert result.refusal is not None
    assert result.refusal.exit_code == 1
    assert "position_count" in result.refusal.hint
    for verdict in result.verdicts:
        check = verdict.report.checks[0]
        assert (check.name, check.limit, check.passed) == ("position_count", 1_000_000, False)
        assert verdict.path.is_file()
    _, metadata = read_artifact(find_run(root, run_id).metadata_path, RunMetadata)
    assert [command.exit_code for command in metadata.commands] == [0, 1]


def test_judging_again_gives_the_same_files(root: Path, run_id: str) -> None:
    first = validate(root, run_id)
    hashes = [sha256_file(verdict.path) for verdict in first.verdicts]

    again = validate(root, run_id)

    assert [verdict.path for verdict in again.verdicts] == [v.path for v in first.verdicts]
    assert [sha256_file(verdict.path) for verdict in again.verdicts] == hashes
    assert ledger_count(root) == 1


def test_more_trials_raise_the_bar_and_leave_the_old_verdict(root: Path, run_id: str) -> None:
    before = validate(root, run_id).verdicts[0]
    sweep_into(root)

    after = validate(root, run_id).verdicts[0]

    assert (before.report.trial_count, after.report.trial_count) == (4, 8)
    assert after.report.sharpe_expected_best > before.report.sharpe_expected_best
    assert before.path.is_file()
    assert after.path == before.path.with_name(f"{before.report.config_id}-2.json")


def test_a_path_names_a_sweep_as_well_as_its_run_does(root: Path, run_id: str) -> None:
    path = sweep_report_path(root, run_id)

    by_path = validate(root, str(path))

    assert [verdict.path for verdict in by_path.verdicts] == [
        verdict.path for verdict in validate(root, f"run_{run_id}").verdicts
    ]


def test_a_changed_configuration_is_refused(root: Path, run_id: str) -> None:
    config = validate(root, run_id).verdicts[1].config
    config.write_text(config.read_text() + "# harmless\n")

    with pytest.raises(RefusedError, match="changed since the sweep") as caught:
        validate(root, run_id)

    assert caught.value.at == str(config)


def test_a_sweep_by_other_rules_is_refused(root: Path, run_id: str) -> None:
    path = forged(sweep_report_path(root, run_id), kernel_id="0" * 64)

    with pytest.raises(RefusedError, match="other decision rules"):
        validate(root, str(path))


def test_recorded_and_made_up_bars_are_never_mixed(root: Path, run_id: str) -> None:
    spec = MarketSpec(seed=5, symbol_count=6, bar_count=2_400)
    make_store(root / "real", spec, synthetic=False)

    with pytest.raises(RefusedError, match="made-up bars, this store holds recorded ones"):
        validate(root, run_id, store=root / "real")


def test_other_bars_of_the_same_kind_are_told(root: Path, run_id: str) -> None:
    make_store(root / "other", MarketSpec(seed=4, symbol_count=6, bar_count=2_400))

    result = validate(root, run_id, store=root / "other")

    assert any("not those of the sweep" in warning for warning in result.warnings)
    assert not validate(root, run_id).warnings


def test_a_store_that_ends_before_the_holdout_does_is_an_input_error(
    root: Path, run_id: str
) -> None:
    make_store(root / "short", MarketSpec(seed=5, symbol_count=6, bar_count=2_000))

    with pytest.raises(InputError, match="before the holdout's end"):
        validate(root, run_id, store=root / "short")


def test_a_sweep_that_the_ledger_does_not_know_halts(root: Path, run_id: str) -> None:
    shutil.rmtree(root / "state")

    with pytest.raises(HaltError, match="no line of run") as caught:
        validate(root, run_id)

    assert caught.value.exit_code == 5


def test_a_holdout_that_another_search_saw_is_refused(root: Path, run_id: str) -> None:
    other = sweep_into(root, holdout_frac=0.1)

    with pytest.raises(RefusedError, match="overlaps a window that was searched") as caught:
        validate(root, run_id)

    assert other in caught.value.at


def test_a_run_without_a_sweep_is_an_input_error(root: Path, run_id: str) -> None:
    sweep_report_path(root, run_id).unlink()

    with pytest.raises(InputError, match="holds no sweep report"):
        validate(root, run_id)


def test_a_strategy_alone_is_one_more_trial_and_only_once(root: Path) -> None:
    base = str(root / "base.yaml")

    first = validate(root, base).verdicts[0]
    again = validate(root, base).verdicts[0]

    assert first.report.rank is None
    assert first.report.trial_count == again.report.trial_count == 5
    assert ledger_count(root) == 2
    assert first.path.parent != again.path.parent
    assert (
        json.loads(first.path.read_text())["content_hash"]
        == (json.loads(again.path.read_text())["content_hash"])
    )


def test_each_strategy_tried_on_the_holdout_counts(root: Path) -> None:
    counts = []
    for stop in (1.0, 1.1, 1.2):
        path = root / f"{stop}.yaml"
        path.write_text(BASE.replace("{trade: {", f"{{trade: {{stop_loss_atr: {stop}, "))
        counts.append(validate(root, str(path)).verdicts[0].report.trial_count)

    assert counts == [5, 6, 7]


def test_the_first_trial_of_all_has_only_chance_zero_to_beat(root: Path) -> None:
    shutil.rmtree(root / "state")

    report = validate(root, str(root / "base.yaml")).verdicts[0].report

    assert (report.trial_count, report.sharpe_expected_best) == (1, 0.0)


def test_a_strategy_alone_is_refused_on_bars_that_a_search_has_seen(
    root: Path, run_id: str
) -> None:
    with pytest.raises(RefusedError, match="was searched, so it proves nothing") as caught:
        validate(root, str(root / "base.yaml"), holdout_frac=0.5)

    assert run_id in caught.value.at
    assert ledger_count(root) == 1


def test_a_sweep_keeps_its_own_holdout(root: Path, run_id: str) -> None:
    with pytest.raises(UsageError, match="keeps the holdout"):
        validate(root, run_id, holdout_frac=0.1)


def test_values_of_a_symbol_without_bars_are_refused(root: Path) -> None:
    path = root / "symbols.yaml"
    path.write_text(BASE + "symbols: {BTX: {trade: {stop_loss_atr: 9.0}}}\n")

    with pytest.raises(InputError, match="'BTX' has no bars") as caught:
        validate(root, str(path))

    assert "symbols.yaml: symbols" in caught.value.at


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("kind: gates\nversion: 1\npositions_min: 3\n", "unknown key `positions_min`"),
        ("kind: gates\nversion: 2\n", "knows version 1"),
        ("kind: gates\nversion: 1\nslice_count: 1\n", "must not exceed slice_count, was 2 of 1"),
        ("kind: gates\nversion: 1\nbest_position_max_frac: .nan\n", "finite"),
    ],
)
def test_a_wrong_gates_file_is_an_input_error(
    root: Path, run_id: str, text: str, what: str
) -> None:
    (root / "wrong.yaml").write_text(text)

    with pytest.raises(InputError) as caught:
        validate(root, run_id, gates="wrong.yaml")

    assert what.lower() in caught.value.what.lower()
    assert "wrong.yaml:" in caught.value.at


def test_a_random_walk_is_refused(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        root = tmp_path / str(seed)
        make_store(
            root / "stores", MarketSpec(seed=seed, symbol_count=6, bar_count=2_400, edge=0.0)
        )
        (root / "base.yaml").write_text(BASE)
        (root / "gates.yaml").write_text("kind: gates\nversion: 1\n")

        result = validate(root, sweep_into(root), gates="gates.yaml")

        assert result.refusal is not None


def test_the_table_has_one_line_per_candidate_with_every_verdict(root: Path, run_id: str) -> None:
    result = validate(root, run_id)

    header, rows = verdict_table(result.verdicts)

    assert header[:2] == ["rank", "config"]
    assert len(rows) == 1 + len(result.verdicts)
    assert all(len(row) == len(header) for row in rows)
    for verdict, row in zip(result.verdicts, rows[1:], strict=True):
        marks = [cell[:2] for cell in row[2 : 2 + len(verdict.report.checks)]]
        assert marks == ["ok" if check.passed else "NO" for check in verdict.report.checks]
        assert row[-1] == ("passed" if verdict.report.passed else "refused")
    assert any("4 trials counted" in line for line in verdict_head(result.verdicts))


def arguments(root: Path, run_id: str, gates: str) -> list[str]:
    paths = ["--store", str(root / "stores"), "--root", str(root), "--gates", str(root / gates)]
    return ["validate", run_id, *paths]


def test_stdout_holds_the_survivors_and_nothing_else(
    root: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.run(arguments(root, run_id, "loose.yaml"))

    shown = capsys.readouterr()
    survivors = validate(root, run_id).survivors
    assert code == 0
    assert shown.out.splitlines() == [str(verdict.config) for verdict in survivors]
    assert "gate report: " in shown.err
    assert "daily Sharpe" in shown.err


def test_a_refusal_exits_1_with_every_verdict_in_the_json(
    root: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.run([*arguments(root, run_id, "hard.yaml"), "--json"])

    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert code == 1
    assert (answer["ok"], answer["error"]["code"]) == (False, 1)
    assert [each["passed"] for each in answer["data"]["candidates"]] == [False, False, False]
    assert answer["data"]["candidates"][0]["checks"][0]["name"] == "position_count"
    assert "error: all 3 candidates were refused" in shown.err


def test_two_sweeps_of_one_run_may_find_the_same_strategies(root: Path, run_id: str) -> None:
    spec = root / "again.yaml"
    spec.write_text(SPEC.replace("HOLDOUT", "0.25").replace("top: 3", "top: 2"))
    again = SweepRequest(spec=spec, store=root / "stores", root=root, run_id=run_id)
    other = run_sweep(again, CLOCK, quiet, quiet)
    first = next(path for path in other.path.parent.glob("*.json") if path != other.path)

    assert set(other.configs) & {
        other.path.parent.parent / each.config_path
        for each in read_artifact(first, SweepReport)[1].top
    }
    for report in (first, other.path):
        assert validate(root, str(report)).verdicts


def test_the_same_spec_with_other_equity_is_another_search(root: Path, run_id: str) -> None:
    before = ledger_count(root)
    spec = root / "sweep-0.25.yaml"
    for equity_usd in (10_000.0, 300.0, 300.0):
        request = SweepRequest(
            spec=spec,
            store=root / "stores",
            root=root,
            run_id=run_id,
            initial_equity_usd=equity_usd,
        )
        run_sweep(request, CLOCK, quiet, quiet)

    assert ledger_count(root) == before + 1
