"""A shell in a folder of its own, and one small market for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.market.synthetic import MarketSpec
from tests.commands import EASY, Shell, make_store


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles of six symbols over 900 hours, with holes; nobody writes to it."""
    spec = MarketSpec(seed=3, symbol_count=6, bar_count=900, edge=1.0)
    return make_store(tmp_path_factory.mktemp("market") / "stores", spec)


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A shell whose working folder holds `easy.yaml`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "easy.yaml").write_text(EASY)
    return Shell(tmp_path, capsys)
