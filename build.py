"""
Pack every Lambda handler into ``artifacts/<name>.zip``: the same bytes on every machine.

    python build.py              pack all, and write SHA256SUMS
    python build.py ttl_monitor  pack the ones named
    python build.py --check      pack in memory, compare, say what differs
    python build.py --list       name the handlers

A zip holds the handler's own package, the modules of ``expiry`` that it reaches, and what both
reach of the pure-Python wheels in requirements/lambda.txt, each checked against its hash. Reads
syntax trees, never runs what it packs. Standard library only; uv or pip unpacks the wheels.
Nothing is written before everything is packed.

    BuildError
    ├── SourceError   a module or a pin is refused: names its file and line
    ├── InstallError  uv or pip failed, or is missing
    └── StaleError    the zips are not what the source says
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeGuard

TARGET_PYTHON = "3.13"
SHARED = "expiry"  # the one package of ours that handlers share
LOCK = "requirements/lambda.txt"

# The standard library is the target's, whichever Python runs this: without what is gone by 3.13,
# and without what came after it.
NOT_IN_TARGET = frozenset(
    """aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap
    msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    annotationlib compression""".split()  # noqa: SIM905 - as a list it fills thirty lines
)
STDLIB = sys.stdlib_module_names - NOT_IN_TARGET

# Beside every zip in Lambda's Python runtimes. The first three are never shipped; what they need
# themselves is shipped only where the lock names it, in a version that they accept.
RUNTIME = frozenset({"boto3", "botocore", "s3transfer"})
RUNTIME_LEAVES = frozenset({"dateutil", "jmespath", "six", "urllib3"})

# Wheels' modules that import by string, which no syntax tree shows, and what of it we need.
DYNAMIC_IMPORTS: Mapping[str, tuple[str, ...]] = {
    # loads aws_xray_sdk when a tracer is used; no handler of ours has one
    "aws_lambda_powertools.shared.lazy_import": (),
}

PIN = re.compile(r"([\w.-]+)(?:\[[^]]*])?==([^\s;]+)(?: --hash=sha256:[0-9a-f]{64})+")
KEPT_METADATA = re.compile(r"METADATA|(LICEN[CS]E|NOTICE|COPYING|AUTHORS)[^/]*|licenses/.+")
COMPILED = frozenset({".so", ".pyd", ".dylib", ".dll"})
NEVER_PACKED = re.compile(r".*\.py[ci]|py\.typed|\..*")  # bytecode, stubs, hidden
MAY_NOT_RUN = (  # an import inside one of these may fail, and the module still loads
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda),
    *(ast.If, ast.Try, ast.TryStar),
)


class BuildError(Exception):
    """Nothing was written; the message says what to change."""


class SourceError(BuildError):
    """A module, or a pin of the lock, cannot be packed as it is written."""

    def __init__(self, file: str, line: int, text: str) -> None:
        """Place *text* at *line* of *file*, a path as messages name it."""
        super().__init__(f"{file}:{line}: {text}")
        self.file, self.line = file, line


class InstallError(BuildError):
    """The wheels could not be fetched and unpacked."""


class StaleError(BuildError):
    """A zip, or SHA256SUMS, is not what the source says."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that a zip may hold; *wheel* is the distribution it came with, None for ours."""

    path: PurePosixPath
    source: Path
    shown: str  # as messages name it
    wheel: str | None = None

    @property
    def module(self) -> str:
        """The dotted name, if this is a module."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def parents(module: str) -> list[str]:
    """List the packages above *module*, outermost first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


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
        return [name for name in dict.fromkeys(wanted) if name in self.modules]

    def missing(self, imported: Import) -> str | None:
        """Say why *imported* would not be found on Lambda; None where it would."""
        top = imported.base.partition(".")[0]
        known = self.modules.keys() | self.packages
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
                text = f"imports by string: list {module} in build.py's DYNAMIC_IMPORTS"
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


class Wheels:
    """The lock's wheels, unpacked once below .tools/ and verified whenever they are used."""

    def __init__(self, root: Path) -> None:
        """Take the checkout's folder."""
        self.lock, self.cache = root / LOCK, root / ".tools" / "wheels"

    def pins(self) -> dict[str, int]:
        """
        Read the lock: normalised names, each with its line.

        Raises:
            SourceError: A line is no pin with a hash, depends on the Python that installs (a
                marker), or pins what Lambda's runtime brings.
        """
        found: dict[str, int] = {}
        text = re.sub(r"(?m)(^|[ \t])#.*", "", self.lock.read_text(encoding="utf-8"))
        joined = re.sub(r"[ \t]*\\\n[ \t]*", "\0", text)  # keeps the count of lines
        line = 1
        for raw in joined.split("\n"):
            pin = raw.replace("\0", " ").strip()
            match = PIN.fullmatch(pin)
            name = normalised(match[1]) if match else ""
            if pin and not match:
                raise SourceError(LOCK, line, f"not name==version --hash=sha256:… alone: {pin}")
            if name in RUNTIME:
                raise SourceError(LOCK, line, f"{name} comes from Lambda's runtime: never shipped")
            if pin:
                found.setdefault(name, line)
            line += 1 + raw.count("\0")
        return found

    def files(self) -> list[File]:
        """
        List every file of every wheel but scripts and bytecode.

        Raises:
            SourceError: A wheel is compiled, or brings a path or a name that is taken.
        """
        pins = self.pins()
        found: dict[PurePosixPath, File] = {}
        for folder in sorted(self.unpacked().glob("*.dist-info")) if pins else ():
            name = normalised(folder.name.partition("-")[0])
            files = list(recorded(folder, name))
            tags = re.findall(r"(?m)^Tag:\s*(\S+)", (folder / "WHEEL").read_text(encoding="utf-8"))
            compiled = [str(file.path) for file in files if file.path.suffix in COMPILED]
            if "py3-none-any" not in tags or compiled:
                text = f"{name} is not pure Python ({', '.join(compiled or tags)}): pin the hash"
                raise SourceError(LOCK, pins[name], f"{text} of a py3-none-any wheel alone")
            for file in files:
                owner = "the standard library" if file.module.partition(".")[0] in STDLIB else None
                if other := found.get(file.path):
                    owner = other.wheel
                if owner:
                    text = f"{name} brings {file.path}, as {owner} does"
                    raise SourceError(LOCK, pins[name], text)
                found[file.path] = file
        return list(found.values())

    def unpacked(self) -> Path:
        """Return the folder of the unpacked wheels; fill it where it is missing or altered."""
        folder = self.cache / hashlib.sha256(self.lock.read_bytes()).hexdigest()[:16]
        site, stamp = folder / "site", folder / "tree.sha256"
        if not (stamp.is_file() and stamp.read_text() == tree_digest(site)):
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                new = Path(scratch, "new")
                self.install(new / site.name)
                (new / stamp.name).write_text(tree_digest(new / site.name))
                shutil.rmtree(folder, ignore_errors=True)
                # Another build may have been faster; its wheels have the same hashes.
                with contextlib.suppress(OSError):
                    new.rename(folder)
        return site

    def install(self, site: Path) -> None:
        """Let uv, or else pip, fetch and unpack the wheels, each checked against its hash."""
        common = [
            "-q",
            "--target",
            str(site),
            "--python-version",
            TARGET_PYTHON,
            "--require-hashes",
        ]
        common += ["--no-deps", "--only-binary", ":all:", "-r", str(self.lock.resolve())]
        if uv := shutil.which("uv"):
            pip = [uv, "pip", "install", "--python", sys.executable, "--link-mode", "copy"]
        else:
            pip = [sys.executable, "-m", "pip", "install", "--no-compile"]
        # A user's pip.conf may ask for --user or for a venv: neither goes with --target.
        env = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        done = subprocess.run([*pip, *common], env=env, capture_output=True, check=False)
        if done.returncode:
            raise self.failure((done.stdout + done.stderr).decode(errors="replace").strip())

    def failure(self, output: str) -> BuildError:
        """Name the line of the lock that the installer complains about."""
        if "No module named pip" in output:
            return InstallError("uv or pip is needed to unpack the wheels: install one of them")
        spelt = normalised(output)
        name, line = next((pin for pin in self.pins().items() if f"{pin[0]}==" in spelt), ("", 1))
        if re.search(r"(?i)do not match the hashes|hash mismatch", output):
            return SourceError(LOCK, line, f"{name} does not have the hash pinned here\n{output}")
        return InstallError(f"{LOCK}:{line}: cannot be installed\n{output}")


def normalised(text: str) -> str:
    """Spell the distributions in *text* as their lock does, whatever a tool makes of them."""
    return re.sub(r"[-_.]+", "-", text).lower()


def recorded(dist_info: Path, wheel: str) -> Iterator[File]:
    """Yield the files that a wheel brought, by its RECORD, the list both installers write."""
    with (dist_info / "RECORD").open(encoding="utf-8", newline="") as record:
        for path in (PurePosixPath(row[0]) for row in csv.reader(record)):
            if path.parts[0] not in {"..", "bin"} and not NEVER_PACKED.fullmatch(path.name):
                yield File(path, dist_info.parent / path, f"{path} ({wheel})", wheel)


def tree_digest(folder: Path) -> str:
    """Digest the names and contents of all files below *folder*."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return total.hexdigest()


def zipped(files: Iterable[File]) -> bytes:
    """Zip *files*, with nothing of this machine in it; deflate differs from zlib to zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            info = zipfile.ZipInfo(str(file.path), date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, so that the mode is honoured
            info.external_attr = 0o100644 << 16
            archive.writestr(info, file.source.read_bytes())
    return buffer.getvalue()


class Project:
    """A checkout: its handlers, its lock, its zips."""

    def __init__(self, root: Path) -> None:
        """Take the checkout's folder; nothing is read yet."""
        self.source, self.artifacts = root / "lambda_src", root / "artifacts"
        self.wheels = Wheels(root)

    def file(self, path: PurePosixPath) -> File:
        """Describe a file of ours by its path below lambda_src."""
        return File(path, self.source / path, f"{self.source.name}/{path}")

    def names(self) -> list[str]:
        """Name the handler packages."""
        return sorted(path.parent.name for path in self.source.glob("*/handler.py"))

    def handlers(self, name: str) -> list[str]:
        """List what a function's ``handler`` may name in the package *name*."""
        file = self.file(PurePosixPath(name, "handler.py"))
        if found := parse(file).handlers:
            return [f"{file.module}.{function}" for function in found]
        raise SourceError(file.shown, 1, "no public function here takes (event, context)")

    def ours(self) -> Iterator[File]:
        """Yield our files that may be packed: no bytecode, no stubs, nothing hidden."""
        for source in sorted(self.source.rglob("*")):
            path = PurePosixPath(source.relative_to(self.source).as_posix())
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            if source.is_file() and not hidden and not NEVER_PACKED.fullmatch(path.name):
                yield self.file(path)

    def modules(self) -> Modules:
        """
        Gather all that could be packed.

        Raises:
            SourceError: A package of ours has no handler.py, or a name that is taken.
        """
        ours, wheels = list(self.ours()), self.wheels.files()
        taken = dict.fromkeys(STDLIB, "the standard library")
        taken |= dict.fromkeys(RUNTIME | RUNTIME_LEAVES, "Lambda's runtime")
        taken |= {file.module.partition(".")[0]: f"the wheel {file.wheel}" for file in wheels}
        seen: set[str] = set()
        for file in (file for file in ours if file.path.suffix == ".py"):
            top = file.path.parts[0]
            if owner := taken.get(file.module.partition(".")[0]):
                raise SourceError(file.shown, 1, f"{top} is the name of one of {owner}: rename it")
            if file.module in seen:
                raise SourceError(file.shown, 1, f"{file.module} is there as a file and a folder")
            if top != SHARED and not (self.source / top / "handler.py").is_file():
                raise SourceError(file.shown, 1, f"{top} has no handler.py, and is not {SHARED}")
            seen.add(file.module)
        return Modules([*ours, *wheels])

    def pack(self, names: Iterable[str]) -> dict[str, bytes]:
        """Pack the packages *names*, in memory."""
        modules, entries = self.modules(), {name: self.handlers(name) for name in names}
        return {name: zipped(modules.packed(name)) for name in entries}

    def present(self) -> dict[str, bytes]:
        """Read the zips that are there."""
        return {path.stem: path.read_bytes() for path in sorted(self.artifacts.glob("*.zip"))}

    def build(self, names: Iterable[str]) -> dict[str, bytes]:
        """Write the zips of *names*, or all and no others; then SHA256SUMS."""
        wanted, known = sorted(set(names)), self.names()
        if unknown := [name for name in wanted if name not in known]:
            text = f"no handler package {', '.join(unknown)}; there are: {', '.join(known)}"
            raise BuildError(text)
        zips = self.pack(wanted or known)
        self.artifacts.mkdir(exist_ok=True)
        for name, content in zips.items():
            write_whole(self.artifacts / f"{name}.zip", content)
        for name in [] if wanted else self.present().keys() - zips.keys():
            (self.artifacts / f"{name}.zip").unlink()
        write_whole(self.artifacts / "SHA256SUMS", sums(self.present()))
        return zips

    def check(self) -> dict[str, bytes]:
        """
        Pack everything again, in memory, and compare.

        Raises:
            StaleError: What is there differs; the message says where.
        """
        wanted, found = self.pack(self.names()), self.present()
        wrong = [f"{name}.zip is missing" for name in wanted.keys() - found.keys()]
        wrong += [f"{name}.zip has no handler package" for name in found.keys() - wanted.keys()]
        both = wanted.keys() & found.keys()
        wrong += [f"{name}.zip differs" for name in both if wanted[name] != found[name]]
        manifest = self.artifacts / "SHA256SUMS"
        if not manifest.is_file() or manifest.read_bytes() != sums(wanted):
            wrong.append("SHA256SUMS differs")
        if wrong:
            text = "\n".join(f"{self.artifacts.name}/{what}" for what in sorted(wrong))
            raise StaleError(f"{text}\nRun `python build.py` and commit what it writes.")
        return wanted


def sums(zips: Mapping[str, bytes]) -> bytes:
    """Return SHA256SUMS as ``sha256sum --check`` reads it."""
    lines = (f"{hashlib.sha256(zips[name]).hexdigest()}  {name}.zip\n" for name in sorted(zips))
    return "".join(lines).encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write beside *path*, then rename: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def table(zips: Mapping[str, bytes]) -> str:
    """Lay out name, files, bytes, sha256."""
    width = max(map(len, ("name", *zips)))
    lines = [f"{'name':<{width}}  files    bytes  sha256"]
    for name, content in zips.items():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = len(archive.namelist())
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{name:<{width}}  {files:>5}  {len(content):>7}  {digest}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description="Pack the Lambda handlers into artifacts/.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="handler packages (default: all)")
    parser.add_argument("--check", action="store_true", help="compare the zips with the source")
    parser.add_argument("--list", action="store_true", help="name the handlers, build nothing")
    asked = parser.parse_args(arguments)
    if sum([bool(asked.names), asked.check, asked.list]) > 1:
        parser.error("NAME, --check and --list exclude each other")
    project = Project(root or Path(__file__).resolve().parent)
    try:
        if asked.list:
            for name in project.names():
                print(f"{name}  {' '.join(project.handlers(name))}")
        else:
            print(table(project.check() if asked.check else project.build(asked.names)))
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
