"""A store folder: which files it has, what each holds, and that recorded and made-up never meet."""

from __future__ import annotations

from pathlib import Path

from core.errors import InputError
from core.market.bars import INTERVALS
from core.store.layout import CANDLES, CONTEXTS, FUNDING, Layout
from core.store.series import Origin, SeriesStore, mixing_error


def candles_path(store_dir: Path, interval: str) -> Path:
    """The file of one interval's bars in a store folder."""
    return store_dir / f"candles_{interval}.sqlite"


def funding_path(store_dir: Path) -> Path:
    """The file of the funding rates in a store folder."""
    return store_dir / "funding.sqlite"


def contexts_path(store_dir: Path) -> Path:
    """The file of the asset contexts in a store folder."""
    return store_dir / "contexts.sqlite"


def metadata_path(store_dir: Path) -> Path:
    """The file of what the venue said of its symbols in a store folder."""
    return store_dir / "metadata.sqlite"


def stored_intervals(store_dir: Path) -> tuple[str, ...]:
    """The intervals that the folder has a candle file for, shortest first."""
    return tuple(name for name in INTERVALS if candles_path(store_dir, name).is_file())


def refuse_other_than_folder(store_dir: Path) -> None:
    """Raise InputError when something that is no folder has the store's name."""
    if store_dir.exists() and not store_dir.is_dir():
        raise InputError(
            "this is a file, not a store folder", at=str(store_dir), hint="give another --store"
        )


def require_folder(store_dir: Path) -> None:
    """Raise InputError unless the store folder is there."""
    refuse_other_than_folder(store_dir)
    if not store_dir.is_dir():
        raise InputError(
            "the store folder does not exist",
            at=str(store_dir),
            hint=f"make it with `perpkit fetch --from-file FILE --store {store_dir}`",
        )


def refuse_mixing(store_dir: Path, origin: Origin) -> None:
    """Raise InputError when the folder holds recorded rows and these are made up, or the reverse.

    A store folder is one or the other as a whole.
    """
    refuse_other_than_folder(store_dir)
    for path, layout in _series_files(store_dir):
        with SeriesStore.open_reader(path, layout) as series:
            stored = series.synthetic()
        if stored is not None and stored != origin.synthetic:
            raise mixing_error(path, stored_synthetic=stored)


def refuse_other_network(store_dir: Path, source: str) -> None:
    """Raise InputError when the folder holds rows of another network of the venue.

    `source` and the stored ones are names such as `hyperliquid testnet`, whose prices and symbols
    are not those of `hyperliquid mainnet`.  Files of a user's own may be joined with either.
    """
    refuse_other_than_folder(store_dir)
    brand = source.split(" ", maxsplit=1)[0]
    for path, layout in _series_files(store_dir):
        with SeriesStore.open_reader(path, layout) as series:
            others = {name for name in series.sources() if name.startswith(f"{brand} ")} - {source}
        if others:
            raise InputError(
                f"the store holds rows of {sorted(others)[0]}, these are of {source}",
                at=str(path),
                hint="give each network a --store folder of its own",
            )


def _series_files(store_dir: Path) -> list[tuple[Path, Layout]]:
    """The files with rows by symbol and time that are there."""
    files = [(candles_path(store_dir, name), CANDLES) for name in stored_intervals(store_dir)]
    files += [(funding_path(store_dir), FUNDING), (contexts_path(store_dir), CONTEXTS)]
    return [(path, layout) for path, layout in files if path.is_file()]
