"""
Write each module's tables of inputs and outputs into its README, from its own HCL.

The tables stand between two markers; all else in a README is written by hand. Types keep the
form that they have in the source. Reads and writes files only, and runs nothing.

    python -m tools.module_tables            # write
    python -m tools.module_tables --check    # say which are out of date, and fail
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hcl2
from lark import Token, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- BEGIN_TABLES -->"
END = "<!-- END_TABLES -->"
WRITE_COMMAND = "make docs"

WIDEST_INLINE = 48  # characters of code in a cell; what is longer gets a block below the table


class TableError(Exception):
    """A module cannot be documented; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Block:
    """One `variable` or `output`: its name, and the source of its attributes."""

    name: str
    attributes: dict[str, str]

    @property
    def description(self) -> str:
        """What its author says of it."""
        return text_of(self.attributes.get("description", '""'))


def text_of(expression: str) -> str:
    """Return what a quoted string or a heredoc says."""
    if expression.startswith("<<"):
        lines = expression.splitlines()[1:-1]
        return textwrap.dedent("\n".join(lines))
    text: str = json.loads(expression)
    return text.replace("$${", "${").replace("%%{", "%{")


def subtrees(tree: Tree[Token], rule: str) -> Iterator[Tree[Token]]:
    """Yield the direct children of *tree* that are of *rule*, in the source's order."""
    for child in tree.children:
        if isinstance(child, Tree) and child.data == rule:
            yield child


def source_of(node: Tree[Token] | Token, source: str) -> str:
    """Cut *node* out of its source."""
    place = node if isinstance(node, Token) else node.meta
    if place.start_pos is None or place.end_pos is None:
        raise TableError(f"no place in the source: {node}")
    return source[place.start_pos : place.end_pos].strip()


def blocks(path: Path, kind: str) -> list[Block]:
    """
    Read the blocks of *kind* in a file, in their order.

    Raises:
        TableError: The file is no HCL.
    """
    source = path.read_text() if path.is_file() else ""
    try:
        tree = hcl2.parses_to_tree(source)
    except Exception as error:  # whatever the parser raises, the file is what is wrong
        raise TableError(f"{path}: {error}") from error
    found = []
    for body in subtrees(tree, "body"):
        for block in subtrees(body, "block"):
            words = [source_of(child, source) for child in block.children[:2]]
            if words[0] == kind:
                (inner,) = subtrees(block, "body")
                found.append(Block(words[1].strip('"'), attributes(inner, source)))
    return found


def attributes(body: Tree[Token], source: str) -> dict[str, str]:
    """Return the source of each attribute of a block by its name."""
    found = {}
    for attribute in subtrees(body, "attribute"):
        name, *_, value = attribute.children
        found[source_of(name, source)] = source_of(value, source)
    return found


def inline(code: str) -> str:
    """Put code on one line."""
    return re.sub(r"\s+", " ", code)


def cell(text: str) -> str:
    """Fit text into a table's cell."""
    return text.strip().replace("|", "\\|").replace("\n", "<br>")


def is_long(variable: Block) -> bool:
    """Tell whether a type is shown below the table, and only by its outline inside it."""
    type_source = variable.attributes["type"]
    return "\n" in type_source or len(type_source) > WIDEST_INLINE


def outline(type_source: str) -> str:
    """Shorten a type to its outermost words: "map(object)"."""
    collection = re.match(r"(?:(map|list|set)\()?\s*object\b", type_source)
    if collection is None:
        return inline(type_source)
    return f"{collection[1]}(object)" if collection[1] else "object"


def default_of(variable: Block) -> str:
    """Return what a caller gets who leaves the variable out."""
    if "default" not in variable.attributes:
        return "*required*"
    default = inline(variable.attributes["default"])
    return f"`{default}`" if len(default) <= WIDEST_INLINE else "see variables.tf"


def input_table(variables: list[Block]) -> Iterator[str]:
    """Yield the lines of the inputs' table, and of the types that are too long for it."""
    yield from ("### Inputs", "", "| Name | Type | Default | Description |", "|---|---|---|---|")
    for variable in variables:
        kind = variable.attributes["type"]
        shown = outline(kind) if is_long(variable) else kind
        yield (
            f"| `{variable.name}` | `{cell(shown)}` | {cell(default_of(variable))} "
            f"| {cell(variable.description)} |"
        )
    long = [f"{each.name} = {each.attributes['type']}" for each in variables if is_long(each)]
    if long:
        # Every type stands two deep in its file; here it stands alone.
        yield from ("", "```hcl", re.sub(r"(?m)^  ", "", "\n\n".join(long)), "```")


def output_table(outputs: list[Block]) -> Iterator[str]:
    """Yield the lines of the outputs' table."""
    yield from ("### Outputs", "", "| Name | Description |", "|---|---|")
    for output in outputs:
        yield f"| `{output.name}` | {cell(output.description)} |"


def tables(module: Path) -> str:
    """
    Return what belongs between the markers of a module's README.

    Raises:
        TableError: A variable has no type, or a block no description.
    """
    variables = blocks(module / "variables.tf", "variable")
    outputs = blocks(module / "outputs.tf", "output")
    for block in [*variables, *outputs]:
        if not block.description.strip():
            raise TableError(f"{module}: {block.name} has no description; write one.")
    for variable in variables:
        if "type" not in variable.attributes:
            raise TableError(f"{module}: the variable {variable.name} has no type; give it one.")
    return "\n".join([*input_table(variables), "", *output_table(outputs)])


def documented(readme: Path) -> str:
    """
    Return the README as it should be.

    Raises:
        TableError: It is not there, or lacks the markers.
    """
    text = readme.read_text() if readme.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise TableError(f"{readme}: write it, with the lines {BEGIN} and {END} for the tables.")
    return f"{before}{BEGIN}\n{tables(readme.parent)}\n{END}{after}"


def main(arguments: list[str], folder: Path = ROOT / "modules") -> int:
    """Write the READMEs of the modules in *folder*, or with --check only compare."""
    if set(arguments) - {"--check"}:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    failed = False
    for module in sorted(path.parent for path in folder.glob("*/variables.tf")):
        readme = module / "README.md"
        try:
            wanted = documented(readme)
        except TableError as error:
            sys.stderr.write(f"{error}\n")
            failed = True
            continue
        if readme.read_text() == wanted:
            continue
        if "--check" in arguments:
            sys.stderr.write(f"{readme} is out of date: run {WRITE_COMMAND}\n")
            failed = True
        else:
            readme.write_text(wanted)
            print(f"wrote {readme}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
