"""
Find all that a handler package reaches, in our source and in the wheels; refuse what would fail.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tools.packing.errors import SourceError
from tools.packing.imports import Import, Parsed, parse
from tools.packing.target import NOT_IN_TARGET, RUNTIME, RUNTIME_LEAVES, STDLIB, TARGET_PYTHON
from tools.packing.wheels import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tools.packing.files import File

SHARED = "expiry"  # the one package of ours that handlers share

# Wheels' modules that import by string, which no syntax tree shows, and what of it we need.
DYNAMIC_IMPORTS: Mapping[str, tuple[str, ...]] = {
    # loads aws_xray_sdk when a tracer is used; no handler of ours has one
    "aws_lambda_powertools.shared.lazy_import": (),
    # what is asked for as an attribute alone: pg8000 imports dateutil.parser by its name
    "dateutil": (),
    # modules of the standard library, under their names in Python 2
    "six": (),
}

# Modules that a wheel makes while it loads: it brings no file of their name.
MADE_MODULES = frozenset({"six.moves"})

# Reached by an import, but never loaded on Lambda: what nobody calls is not shipped.
LEFT_OUT: Mapping[str, str] = {
    "dateutil.easter": "pg8000 parses times, and nothing else of dateutil",
    "dateutil.rrule": "likewise",
    "dateutil.zoneinfo": "likewise: PostgreSQL writes offsets, not names of zones",
}

KEPT_METADATA = re.compile(r"METADATA|(LICEN[CS]E|NOTICE|COPYING|AUTHORS)[^/]*|licenses/.+")


def parents(module: str) -> list[str]:
    """List the packages above *module*, outermost first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def kept(module: str) -> bool:
    """Tell whether *module* may be shipped where something reaches it."""
    return LEFT_OUT.keys().isdisjoint((*parents(module), module))


class Modules:
    """All that a zip could hold, by path, and the import graph over it."""

    def __init__(self, files: Iterable[File]) -> None:
        """Take the files; each is read once, when something reaches it."""
        self.files = list(files)
        self.modules = {file.module: file for file in self.files if file.path.suffix == ".py"}
        self.packages = {name for module in self.modules for name in parents(module)}
        self.code_folders = {file.path.parent for file in self.modules.values()}
        self.ours = {file.path.parts[0] for file in self.files if not file.wheel}
        self._parsed: dict[str, Parsed] = {}

    def parsed(self, module: str) -> Parsed:
        """Read *module*, once."""
        if module not in self._parsed:
            self._parsed[module] = parse(self.modules[module])
        return self._parsed[module]

    def targets(self, imported: Import) -> list[str]:
        """List the modules that *imported* loads from here, the packages above them included."""
        names = [f"{imported.base}.{name}" for name in imported.names]
        if "*" in imported.names:
            names = [name for name in self.modules if name.rpartition(".")[0] == imported.base]
        wanted = [part for name in (imported.base, *names) for part in (*parents(name), name)]
        return [name for name in dict.fromkeys(wanted) if name in self.modules and kept(name)]

    def missing(self, imported: Import) -> str | None:
        """Say why *imported* would not be found on Lambda; None where it would."""
        top = imported.base.partition(".")[0]
        known = self.modules.keys() | self.packages | MADE_MODULES
        if imported.base in known or (
            top not in known and top in STDLIB | RUNTIME | RUNTIME_LEAVES
        ):
            return None
        if top in known:
            return f"imports {imported.base}, and there is no such module"
        if top in NOT_IN_TARGET:
            return f"imports {top}, which Python {TARGET_PYTHON} does not have"
        return f"imports {top}, which {LOCK} does not pin (add it to lambda.in and lock again)"

    def loads(self, imported: Import) -> bool:
        """Tell whether *imported* can succeed: all that runs while it loads is there."""
        seen: set[str] = set()
        todo = [imported]
        while todo:
            item = todo.pop()
            if self.missing(item):
                return False
            new = [name for name in self.targets(item) if name not in seen]
            seen.update(new)
            todo += [
                need for name in new for need in self.parsed(name).imports if not need.optional
            ]
        return True

    def followed(self, module: str, why: str) -> Iterator[Import]:
        """Yield the imports of *module* that count; refuse those that cannot work."""
        file, parsed = self.modules[module], self.parsed(module)
        reached = f"; reached from {why}" if file.wheel else ""
        if not file.wheel:
            self.refuse_ours(file, parsed)
        for imported in parsed.imports:
            if file.wheel and imported.optional and not self.loads(imported):
                continue
            if missing := self.missing(imported):
                raise SourceError(file.shown, imported.line, missing + reached)
            yield imported
        for line in parsed.dynamic_lines[:1]:
            if module not in DYNAMIC_IMPORTS:
                table = "DYNAMIC_IMPORTS of tools/packing/closure.py"
                text = f"imports by string: list {module} in {table}"
                raise SourceError(file.shown, line, text + reached)
            yield from (Import(name, (), line, optional=True) for name in DYNAMIC_IMPORTS[module])

    def refuse_ours(self, file: File, parsed: Parsed) -> None:
        """Hold a module of ours to our own rules of import."""
        for line in parsed.dynamic_lines:
            raise SourceError(file.shown, line, "imports by string: write an import statement")
        for imported in parsed.imports:
            top = imported.base.partition(".")[0]
            if imported.relative:
                text = f"relative import: write it from the top, as {imported.base}"
                raise SourceError(file.shown, imported.line, text)
            if top in self.ours - {file.path.parts[0], SHARED}:
                text = f"imports {top}: handlers share only {SHARED}, which imports none of them"
                raise SourceError(file.shown, imported.line, text)

    def closure(self, package: str) -> list[File]:
        """
        Collect the modules of *package*, and all that they reach; functions' imports count.

        A wheel's optional import that cannot succeed here, as that of an extra, does not.

        Raises:
            SourceError: An import is refused, or nothing will satisfy it on Lambda.
        """
        why = {name: "" for name in self.modules if f"{name}.".startswith(f"{package}.")}
        todo = list(why)
        while todo:
            module = todo.pop()
            file = self.modules[module]
            for imported in self.followed(module, why[module]):
                reason = why[module] if file.wheel else f"{file.shown}:{imported.line}"
                new = [name for name in self.targets(imported) if name not in why]
                why.update(dict.fromkeys(new, reason))
                todo += new
        return [self.modules[name] for name in why]

    def packed(self, package: str) -> list[File]:
        """List what goes into the zip of *package*, by name: modules, their data, licences."""
        code = self.closure(package)
        folders = {file.path.parent for file in code}
        wheels = {file.wheel for file in code if file.wheel}
        data = (file for file in self.files if file.path.suffix != ".py")
        wanted = [file for file in data if self.is_wanted(file, folders, wheels)]
        return sorted((*code, *wanted), key=lambda file: str(file.path))

    def is_wanted(self, file: File, folders: set[PurePosixPath], wheels: set[str]) -> bool:
        """Tell whether data goes along: with the nearest code above it, or as a licence."""
        top, *rest = file.path.parts
        if top.endswith(".dist-info"):
            return file.wheel in wheels and bool(KEPT_METADATA.fullmatch("/".join(rest)))
        home = next((above for above in file.path.parents if above in self.code_folders), None)
        return home != PurePosixPath() and home in folders
