"""No dead knobs: the kernel reads what the schema declares, and each of it changes some result."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.market.bars import BarBlock
from core.simulate import simulate
from kernel.params import PARAMS
from schemas.base import Value
from schemas.parameters import Parameter, parameters
from schemas.strategy import order_faults, strategy_from
from tests.strategies import random_market, random_values

KERNEL = Path(__file__).resolve().parents[2] / "kernel"
TRIES = 150
"""Random markets and strategies that a parameter may take to show what it does."""


def names_read() -> set[str]:
    """Every `params.<name>` in a kernel function that takes the parameter record."""
    return {
        node.attr
        for path in KERNEL.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and takes_params(function)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "params"
    }


def takes_params(function: ast.FunctionDef) -> bool:
    """True if an argument is declared `params: Params`."""
    return any(
        argument.arg == "params"
        and isinstance(argument.annotation, ast.Name)
        and argument.annotation.id == "Params"
        for argument in function.args.args
    )


def test_every_parameter_is_read_by_the_kernel_and_declared_in_the_schema() -> None:
    declared = {each.record_name for each in parameters() if each.in_kernel}

    assert names_read() == declared
    assert set(PARAMS.names or ()) == declared


def others(parameter: Parameter, value: Value) -> Iterator[Value]:
    """Values that the parameter may have beside `value`, those of a sweep first."""
    choices: tuple[Value, ...] = parameter.axis
    if parameter.type == "bool":
        choices = (False, True)
    elif parameter.type == "enum":
        choices = parameter.choices
    else:
        kind = int if parameter.type == "int" else float
        limits = [kind(limit) for sign, limit in parameter.bounds if sign in (">=", "<=")]
        # A limit that is itself not allowed is approached.
        near = [0.01 * float(parameter.default) for sign, _ in parameter.bounds if sign == ">"]
        choices = (*choices, parameter.default, *limits, *near)
    yield from (choice for choice in dict.fromkeys(choices) if choice != value)


def outcome(block: BarBlock, values: Mapping[str, Value]) -> str:
    """Digest of the trades and the equity curve."""
    run = simulate(block, strategy_from(values))
    return hashlib.sha256(run.trades.tobytes() + run.equity_usd.tobytes()).hexdigest()


def acts(parameter: Parameter, block: BarBlock, values: Mapping[str, Value], before: str) -> bool:
    """True if some other value of the parameter gives another outcome than `before`."""
    base = dict(values)
    if parameter.when is not None and base[parameter.when[0]] != parameter.when[1]:
        base[parameter.when[0]] = parameter.when[1]
        before = outcome(block, base)
    for value in others(parameter, base[parameter.path]):
        changed = {**base, parameter.path: value}
        if not order_faults(changed.__getitem__) and outcome(block, changed) != before:
            return True
    return False


def test_every_parameter_changes_some_result_on_some_data() -> None:
    silent = {each.path: each for each in parameters() if each.in_kernel}

    for seed in range(TRIES):
        if not silent:
            break
        block, values = random_market(seed), random_values(seed)
        before = outcome(block, values)
        for path in [path for path, each in silent.items() if acts(each, block, values, before)]:
            del silent[path]

    assert sorted(silent) == [], "these parameters changed nothing"


def test_a_parameter_does_nothing_while_its_gate_is_shut() -> None:
    gated = [each for each in parameters() if each.in_kernel and each.when is not None]
    loud = set()
    for seed in range(8):
        block, values = random_market(seed), random_values(seed)
        for each in gated:
            assert each.when is not None
            path, needed = each.when
            gate = next(other for other in parameters() if other.path == path)
            for shut in others(gate, needed):
                base = {**values, path: shut}
                before = outcome(block, base)
                for value in others(each, base[each.path]):
                    changed = {**base, each.path: value}
                    if not order_faults(changed.__getitem__) and outcome(block, changed) != before:
                        loud.add((each.path, f"seed {seed}"))

    assert sorted(loud) == [], "these parameters act although their gate is shut"
