"""A sweep spec as it takes effect: the file, its base strategy, and the hash of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_hex
from core.axis_values import dotted
from core.config import LoadedStrategy, load_strategy
from core.yaml_file import YamlFile, read_model, read_yaml_file
from schemas.sweep import SweepSpec


@dataclass(frozen=True)
class LoadedSweep:
    """A sweep spec with its base; `file` knows the line of each step."""

    file: YamlFile
    spec: SweepSpec
    base: LoadedStrategy

    def place(self, *steps: str | int) -> str:
        """Where a step of the spec stands, such as `sweep.yaml:12:5: axes[0].path`."""
        return f"{self.file.path}:{self.file.text.value_mark(steps)}: {dotted(*steps)}"

    @property
    def sha256(self) -> str:
        """Hash of what the spec asks: the base counts by its content, not by its file's name."""
        asked = self.spec.model_dump(mode="json") | {"base": self.base.config_id}
        return sha256_hex(canonical_json(asked))


def load_sweep(path: Path) -> LoadedSweep:
    """The spec at `path` and the strategy that it names, found from the spec's folder.

    Raises InputError for a file that is missing or wrong.
    """
    file = read_yaml_file(path)
    spec = read_model(file, SweepSpec)
    base = load_strategy(path.parent / spec.base)
    return LoadedSweep(file, spec, base)
