"""
CloudWatch's metric math, as far as alarms on ratios and gaps need it.

A series is a list with one value for each period, ``None`` where there is no datapoint. Operators
work period by period and give ``None`` where an operand is missing or a divisor is zero, as AWS
says. Supported: ``+ - * / ^``, comparisons, ``AND OR NOT && ||``, ``IF FILL DIFF SUM AVG MIN MAX
ABS CEIL FLOOR METRICS TIME_SERIES``; anything else is an error, never a guess.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Series = list[float | None]
Array = tuple[Series, ...]
Value = float | Series | Array

WORDS = {"&&": " and ", "||": " or ", "AND": "and", "OR": "or", "NOT": "not", "^": "**"}
WORD = re.compile(r"&&|\|\||\^|\b(?:AND|OR|NOT)\b")

OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda a, b: bool(a) and bool(b),
    ast.Or: lambda a, b: bool(a) or bool(b),
}
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: math.fsum(values) / len(values),
}
ROUNDINGS: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}


class MetricMathError(Exception):
    """The expression is malformed, or uses what is not supported here."""


def evaluate(
    expression: str,
    metrics: Mapping[str, Series],
    periods: int,
    expressions: Mapping[str, Series] | None = None,
) -> Series:
    """
    Return the series of *periods* values that *expression* makes of *metrics*, by their ids.

    *expressions* are the results of other expressions, which ``METRICS()`` leaves out.

    Raises:
        MetricMathError: The text says what was not understood.
    """
    text = WORD.sub(lambda found: WORDS[found[0]], expression)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise MetricMathError(f"malformed: {expression}") from error
    return Evaluation(metrics, {**metrics, **(expressions or {})}, periods).series(tree.body)


def one_period(
    apply: Callable[[float, float], float], left: float | None, right: float | None
) -> float | None:
    """Apply an operator where both operands are there, and the result is a number."""
    if left is None or right is None:
        return None
    try:
        return float(apply(left, right))
    except (ZeroDivisionError, OverflowError):
        return None


def combine(apply: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply an operator period by period, a scalar to every period, an array's series each."""
    if isinstance(left, tuple):
        return tuple(series_of(combine(apply, each, right)) for each in left)
    if isinstance(right, tuple):
        return tuple(series_of(combine(apply, left, each)) for each in right)
    if isinstance(left, float) and isinstance(right, float):
        both = one_period(apply, left, right)
        if both is None:
            raise MetricMathError("division by a constant zero")
        return both
    lefts: Iterable[float | None] = itertools.repeat(left) if isinstance(left, float) else left
    rights: Iterable[float | None] = itertools.repeat(right) if isinstance(right, float) else right
    return [one_period(apply, a, b) for a, b in zip(lefts, rights, strict=False)]


def series_of(value: Value) -> Series:
    """
    Return a value that has to be one series.

    Raises:
        MetricMathError: It is a scalar, or an array.
    """
    if not isinstance(value, list):
        raise MetricMathError("a scalar or an array stands where one series is needed")
    return value


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One expression's walk over its syntax tree."""

    metrics: Mapping[str, Series]
    named: Mapping[str, Series]
    periods: int

    def series(self, node: ast.expr) -> Series:
        """Return the value of a node as one series; a scalar is the same in every period."""
        value = self.value(node)
        return [value] * self.periods if isinstance(value, float) else series_of(value)

    def value(self, node: ast.expr) -> Value:  # noqa: C901, PLR0911 - one case for each kind of node
        """Return the value of a node."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self.named:
                return self.named[name]
            case ast.List(elts=elements):
                return tuple(self.series(element) for element in elements)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return combine(operator.mul, -1.0, self.value(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return combine(operator.eq, 0.0, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return combine(OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                return combine(OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                result = self.value(first)
                for other in others:
                    result = combine(OPERATORS[type(op)], result, self.value(other))
                return result
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments)
        raise MetricMathError(f"not supported: {ast.unparse(node)}")

    def call(self, name: str, arguments: list[ast.expr]) -> Value:  # noqa: PLR0911 - one each
        """Return the value of a function call."""
        match name, arguments:
            case "METRICS", []:
                return tuple(self.metrics.values())
            case "TIME_SERIES", [scalar]:
                return self.series(scalar)
            case "IF", [condition, *branches] if len(branches) in {1, 2}:
                return self.choose(condition, branches)
            case "FILL", [metric, filler]:
                return self.fill(self.value(metric), filler)
            case "DIFF", [metric]:
                return differences(series_of(self.value(metric)))
            case _, [argument] if name in AGGREGATES:
                return aggregate(AGGREGATES[name], self.value(argument))
            case _, [argument] if name in ROUNDINGS:
                return combine(lambda a, _: ROUNDINGS[name](a), self.value(argument), 0.0)
        raise MetricMathError(f"not supported: {name} with {len(arguments)} arguments")

    def choose(self, condition: ast.expr, branches: list[ast.expr]) -> Series:
        """Take, where there is a condition, what it says; without a third argument, a gap."""
        chosen = [self.series(branch) for branch in branches]
        otherwise: Series = chosen[1] if len(chosen) > 1 else [None] * self.periods
        return [
            None if test is None else (yes if test else no)
            for test, yes, no in zip(self.series(condition), chosen[0], otherwise, strict=True)
        ]

    def fill(self, value: Value, filler: ast.expr) -> Value:
        """Fill gaps with a number, another series, or (REPEAT) the last value before."""
        if isinstance(value, tuple):
            return tuple(series_of(self.fill(each, filler)) for each in value)
        if isinstance(value, float):
            return value
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            filled: Series = []
            for each in value:
                filled.append(filled[-1] if each is None and filled else each)
            return filled
        fillers = self.series(filler)
        return [f if each is None else each for each, f in zip(value, fillers, strict=True)]


def differences(values: Series) -> Series:
    """Return by how much each value differs from the one before it; a gap beside it is a gap."""
    pairs = zip([None, *values], values, strict=False)
    return [None if a is None or b is None else b - a for a, b in pairs]


def aggregate(apply: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Aggregate an array period by period into a series, a series into a scalar."""
    if isinstance(value, float):
        return value
    if isinstance(value, tuple):
        periods = [[v for v in at if v is not None] for at in zip(*value, strict=True)]
        return [apply(values) if values else None for values in periods]
    values = [each for each in value if each is not None]
    return float(apply(values)) if values else [None] * len(value)
