"""
Read off a module's syntax tree what it imports; never run it.
"""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.packing.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeGuard

    from tools.packing.files import File

MAY_NOT_RUN = (  # an import inside one of these may fail, and the module still loads
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda),
    *(ast.If, ast.Try, ast.TryStar),
)


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement: *base* must be a module, each of *names* may be one below it."""

    base: str
    names: tuple[str, ...]
    line: int
    optional: bool
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one module's syntax tree says."""

    imports: tuple[Import, ...]
    dynamic_lines: tuple[int, ...]  # calls that import by string
    handlers: tuple[str, ...]  # public functions that take (event, context)


def parse(file: File) -> Parsed:
    """Read *file*'s imports, in every branch but those of ``if TYPE_CHECKING:``."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(file.source.read_bytes(), file.shown)
    except (SyntaxError, ValueError) as error:  # the latter: null bytes, before 3.11.4
        line, reason = getattr(error, "lineno", 1), getattr(error, "msg", error)
        reader = ".".join(map(str, sys.version_info[:2]))
        text = f"syntax error, as Python {reader} reads it: {reason}"
        raise SourceError(file.shown, line or 1, text) from None
    imports: list[Import] = []
    dynamic_lines: list[int] = []
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, optional = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += imports_of(node, file, optional=optional)
        elif isinstance(node, ast.Call) and last_name(node.func) in {"import_module", "__import__"}:
            dynamic_lines.append(node.lineno)
        inside = optional or isinstance(node, MAY_NOT_RUN)
        todo += [(child, inside) for child in children(node)]
    imports.sort(key=lambda item: (item.line, item.base))
    handlers = tuple(node.name for node in tree.body if is_handler(node))
    return Parsed(tuple(imports), tuple(sorted(dynamic_lines)), handlers)


def children(node: ast.AST) -> Iterable[ast.AST]:
    """List what may run below *node*: not the body of ``if TYPE_CHECKING:``."""
    if isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING":
        return node.orelse
    return ast.iter_child_nodes(node)


def last_name(node: ast.expr) -> str:
    """Return ``import_module`` for ``importlib.import_module``, likewise for a bare name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def imports_of(
    node: ast.Import | ast.ImportFrom, file: File, *, optional: bool
) -> Iterator[Import]:
    """Yield what *node* imports, with absolute names."""
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, (), node.lineno, optional) for alias in node.names)
        return
    folder = file.path.parent.parts
    above = folder[: len(folder) - node.level + 1] if node.level else ()
    base = ".".join((*above, *filter(None, [node.module])))
    names = tuple(alias.name for alias in node.names)
    yield Import(base, names, node.lineno, optional, relative=node.level > 0)


def is_handler(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """Tell whether *node* is a public function that takes an event and a context."""
    if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
        return False
    return [arg.arg.lstrip("_") for arg in node.args.args] == ["event", "context"]
