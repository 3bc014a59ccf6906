"""
Plan many calls of one module at once, and tell each call what became of it.

A plan costs seconds however many calls its root holds, so a module's suite is two roots: the calls
that must be accepted, and those that must be refused. Every call gets a file of its own, and
a copy of the modules of its own (Terraform looks through links), so that the path in a diagnostic
names the call.

Nothing is applied and AWS is never asked.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import tftest  # type: ignore[import-untyped]

from tests.modules.answers import ACCOUNT, answers
from tools.terraform import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REGION = "eu-west-1"

# As JSON values; a string may hold an expression: "${aws_sns_topic.all.arn}".
Arguments = dict[str, Any]

NO_TABLES: Mapping[str, dict[str, Any]] = MappingProxyType({})
CALLS = "calls"
IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
# A caller's settings must not reach a plan that says what the modules do by themselves.
FOREIGN_SETTINGS = ("AWS_", "TF_VAR_", "TF_CLI_ARGS", "TF_LOG", "TF_DATA_DIR", "TF_WORKSPACE")


class PlanError(AssertionError):
    """A call that must pass was refused, or a plan failed for no call's sake."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What Terraform said, and of which call (None: of none)."""

    call: str | None
    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class PlannedModule:
    """One accepted call: its resources by address inside the module, its outputs, its warnings."""

    resources: Mapping[str, dict[str, Any]]
    unknown: Mapping[str, dict[str, Any]]
    outputs: Mapping[str, Any]
    warnings: tuple[str, ...] = field(default=())

    def resource(self, address: str) -> dict[str, Any]:
        """
        Return the planned values of *address*; what is known only after an apply is left out.

        Raises:
            KeyError: There is no such resource; the message lists those that are there.
        """
        if address not in self.resources:
            raise KeyError(f"{address} is not planned; planned are {sorted(self.resources)}")
        return self.resources[address]

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Return the planned values of every resource of *resource_type*, by address."""
        pattern = re.compile(rf"(^|\.){re.escape(resource_type)}\.")
        return {
            address: values
            for address, values in self.resources.items()
            if pattern.search(address) and not re.search(r"(^|\.)data\.", address)
        }


class Root:
    """A root module in *folder* that calls one module several times."""

    def __init__(self, folder: Path, module: str, region: str, shared: str, aws: str) -> None:
        """Write what all calls share: *shared* HCL, and a provider that asks only *aws*."""
        self.folder = folder
        self.path = module if "/" in module else f"modules/{module}"
        (folder / CALLS).mkdir()
        (folder / "shared.tf").write_text(shared)
        provider = {
            "region": region,
            "access_key": ACCOUNT,
            "secret_key": "plan",
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "skip_requesting_account_id": True,
            "s3_use_path_style": True,
        }
        (folder / "provider.tf.json").write_text(json.dumps({"provider": {"aws": provider}}))
        self.terraform = tftest.TerraformTest(str(folder))
        kept = environment().items()
        self.terraform.env = {
            name: value for name, value in kept if not name.startswith(FOREIGN_SETTINGS)
        } | {"AWS_ENDPOINT_URL": aws}

    def add(self, call: str, arguments: Arguments) -> None:
        """Add a call, its outputs, and the modules' copy that it alone calls."""
        if not IDENTIFIER.fullmatch(call):
            raise ValueError(f"{call!r} is no Terraform identifier")
        copy_modules(self.folder / CALLS / call, self.path)
        source = f"./{CALLS}/{call}/{self.path}"
        config = {
            "module": {call: {"source": source, **arguments}},
            "output": {call: {"value": f"${{module.{call}}}"}},
        }
        (self.folder / f"{call}.tf.json").write_text(json.dumps(config, indent=2))

    def remove(self, call: str) -> None:
        """Take a call out of the next plan."""
        (self.folder / f"{call}.tf.json").unlink()

    def init(self) -> None:
        """
        Install modules and provider.

        Raises:
            PlanError: A module does not load, or the provider is not to be had.
        """
        refuse(errors(self.run("init", "-json", "-input=false")))

    def plan(self) -> list[Diagnostic]:
        """Plan, and keep the plan."""
        return self.run("plan", "-json", "-input=false", "-out=plan")

    def run(self, command: str, *arguments: str) -> list[Diagnostic]:
        """
        Run Terraform, and return what it said.

        Raises:
            PlanError: It failed and gave no reason.
        """
        try:
            return diagnostics(self.terraform.execute_command(command, *arguments).out)
        except tftest.TerraformTestError as error:
            said = diagnostics(error.args[0])
            if not errors(said):
                raise PlanError(error.args[0]) from error
            return said

    def planned(self) -> Any:
        """Read the plan just made."""
        shown = self.terraform.execute_command("show", "-json", "plan").out
        return tftest.TerraformPlanOutput(json.loads(shown))


def copy_modules(to: Path, path: str) -> None:
    """Copy all modules, and *path* where it is none of them; link what modules read."""
    unwanted = shutil.ignore_patterns(".terraform*", "*.md", "*.py", "__pycache__")
    for folder in {"modules", path if not path.startswith("modules/") else "modules"}:
        shutil.copytree(ROOT / folder, to / folder, ignore=unwanted)
    for read in ("artifacts", "lambda_src"):
        (to / read).symlink_to(ROOT / read)


def diagnostics(said: str) -> list[Diagnostic]:
    """Read the diagnostics out of the JSON lines that Terraform *said*; keep the order."""
    found = []
    # The first line stands behind tftest's own words; it holds Terraform's version.
    for line in said.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        if event.get("type") == "diagnostic":
            found.append(diagnostic(event["diagnostic"]))
    return found


def diagnostic(said: dict[str, Any]) -> Diagnostic:
    """
    Find the call of one diagnostic: its file is the call's own, or lies in the call's own folder.

    A validation of a variable that the caller left out has no file; its detail names the rule's.
    """
    text = f"{said['summary']}: {said.get('detail', '')}"
    place = said.get("range", {}).get("filename", "")
    call = None
    if inside := re.search(rf"\b{CALLS}/([^/]+)/", f"{place}\n{text}"):
        call = inside[1]
    elif place.endswith(".tf.json") and place != "provider.tf.json":
        call = place.removesuffix(".tf.json")
    return Diagnostic(call=call, severity=said["severity"], text=text)


@contextmanager
def root_of(
    module: str,
    variants: Mapping[str, Arguments],
    region: str,
    shared: str,
    tables: Mapping[str, dict[str, Any]],
) -> Iterator[Root]:
    """Make a root in a temporary folder that calls *module* once for each of *variants*."""
    with tempfile.TemporaryDirectory() as folder, answers(tables) as aws:
        root = Root(Path(folder).resolve(), module, region, shared, aws)
        for call, arguments in variants.items():
            root.add(call, arguments)
        root.init()
        yield root


def errors(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Keep the errors; warnings stop no plan."""
    return [entry for entry in found if entry.severity == "error"]


def refuse(found: Iterable[Diagnostic]) -> None:
    """Raise a PlanError that says all that was *found*, if anything was."""
    if texts := [f"{entry.call}: {entry.text}" for entry in found]:
        raise PlanError("\n\n".join(texts))


def in_order(found: Iterable[Diagnostic], call: str) -> tuple[str, ...]:
    """Return the texts about *call*."""
    return tuple(entry.text for entry in found if entry.call == call)


def plan_variants(
    module: str,
    variants: Mapping[str, Arguments],
    *,
    region: str = REGION,
    shared: str = "",
    tables: Mapping[str, dict[str, Any]] = NO_TABLES,
) -> dict[str, PlannedModule]:
    """
    Plan *module* once for each of *variants*, all in one plan.

    Args:
        module: The folder's name under ``modules/``, or its path in the repo.
        variants: Arguments by a name for the call.
        region: Also decides the partition: ``cn-north-1``, ``us-gov-west-1``.
        shared: HCL beside the calls, for what their arguments refer to.
        tables: DynamoDB tables that are there already: DescribeTable's objects by name.

    Raises:
        PlanError: A call was refused.
    """
    with root_of(module, variants, region, shared, tables) as root:
        said = root.plan()
        refuse(errors(said))
        plan = root.planned()
    return {call: planned_module(plan, call, in_order(said, call)) for call in variants}


def planned_module(plan: Any, call: str, warnings: tuple[str, ...]) -> PlannedModule:
    """Cut one call out of the *plan* of all."""
    prefix = f"module.{call}."
    changes = {
        address.removeprefix(prefix): change["change"]
        for address, change in plan.resource_changes.items()
        if address.startswith(prefix)
    }
    return PlannedModule(
        resources={address: change["after"] for address, change in changes.items()},
        unknown={address: change["after_unknown"] for address, change in changes.items()},
        outputs=plan["output_changes"][call]["after"],
        warnings=warnings,
    )


def refusals(
    module: str, variants: Mapping[str, Arguments], *, region: str = REGION, shared: str = ""
) -> dict[str, str]:
    """
    Return for each of *variants* why Terraform refuses it: all its errors; "" if it is accepted.

    Terraform gives up in stages (types, literal validations, validations across variables,
    preconditions), and a call that falls early hides what it would say later of others: those
    refused are taken out and the rest planned again, until nothing is refused.

    Raises:
        PlanError: An error belongs to none of the calls.
    """
    reasons = dict.fromkeys(variants, "")
    with root_of(module, variants, region, shared, NO_TABLES) as root:
        while not all(reasons.values()) and (said := errors(root.plan())):
            refuse(entry for entry in said if reasons.get(entry.call or "") != "")
            for call in {entry.call for entry in said if entry.call}:
                reasons[call] = "\n".join(in_order(said, call))
                root.remove(call)
    return reasons
