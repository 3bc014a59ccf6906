"""
The upload cleanup's story: a bucket of uploads, a dry run, a real run, and who survived it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError
from tools.demo.upload_kinds import KINDS
from tools.demo.upload_scene import Scene, counted

if TYPE_CHECKING:
    from tools.demo.stage import Stage

WAIT_S = 120
REAL = "{}"
DRY = '{"dryRun": true}'


def tell(stage: Stage) -> None:
    """
    Fill the bucket, run dry, run for real, and compare.

    Raises:
        DemoError: A run did not report, or did something else than its dry run said.
    """
    outputs = stage.outputs()
    cleanup = outputs["cleanup"]
    scene = Scene(stage.account, outputs["table_name"], outputs["bucket_name"])

    step(f"Filling {scene.bucket} and {scene.table}, through S3's own API")
    scene.fill(KINDS)
    table([(kind.name, kind.count) for kind in KINDS], header=("what", "how many"))

    step("A first dry run: what looks orphaned is noted, and must be seen again a day later")
    first = run(stage, cleanup, DRY)
    show_outcomes(first)
    scene.a_day_later(outputs["audit_bucket"])

    step("A day later, a dry run: what would go")
    dry = run(stage, cleanup, DRY)
    show_report(dry)
    planned = acted(stage, cleanup, dry["requestId"], "would_delete")
    show_actions(planned)

    step(f"Firing the schedule {cleanup['schedule_name']}, as deployed: the real run")
    real = run(stage, cleanup, None)
    show_report(real)
    done = acted(stage, cleanup, real["requestId"], "deleted")
    if done != planned:
        raise DemoError(f"the real run did something else: {sorted(done ^ planned)}")
    say("    It did what the dry run said, and nothing else.")

    step("Who survived, and why")
    show_survivors(scene)

    step("Alarms")
    states = stage.account.evaluate_alarms()
    table(sorted((state, name) for name, state in states.items()), header=("state", "alarm"))

    step("Undoing it: the run's delete markers are taken back")
    payload = json.dumps({"operation": "restore", "runId": real["requestId"]})
    restored = invoked(stage, cleanup, payload)
    table([(name, restored[name]) for name in ("planned", "restored", "left", "failed")])

    step("Where to look")
    show_places(cleanup)


def run(stage: Stage, cleanup: dict[str, Any], payload: str | None) -> dict[str, Any]:
    """
    Run once, by hand or (without a payload) as the schedule does; return the report.

    Raises:
        DemoError: No report came; the message holds what the log says instead.
    """
    if payload is not None:
        return invoked(stage, cleanup, payload)
    before = len(lines(stage, cleanup, "report"))
    stage.account.fire_schedule(cleanup["schedule_name"], group=cleanup["schedule_group_name"])
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if len(found := lines(stage, cleanup, "report")) > before:
            report: dict[str, Any] = found[-1]["report"]
            return report
        time.sleep(0.5)
    log = "\n".join(stage.account.logs(cleanup["log_group_name"])[-20:])
    raise DemoError(f"no report came within {WAIT_S} s; the log says:\n{log}")


def invoked(stage: Stage, cleanup: dict[str, Any], payload: str) -> dict[str, Any]:
    """
    Invoke the function by hand, and return its answer.

    Raises:
        DemoError: It failed.
    """
    answer = stage.account.client("lambda").invoke(
        FunctionName=cleanup["function_name"], Payload=payload.encode()
    )
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DemoError(f"{payload} failed: {body}")
    return body


def lines(stage: Stage, cleanup: dict[str, Any], message: str) -> list[dict[str, Any]]:
    """Return the log's lines with that message, oldest first."""
    found = stage.account.logs(cleanup["log_group_name"])
    parsed = [json.loads(line) for line in found if line.startswith("{")]
    return [line for line in parsed if line.get("message") == message]


def acted(stage: Stage, cleanup: dict[str, Any], run_id: str, outcome: str) -> set[tuple[str, str]]:
    """Return (action, key) of everything that a run's trail says ended so."""
    return {
        (line["action"], line["key"])
        for line in lines(stage, cleanup, "action")
        if line["run_id"] == run_id and line["outcome"] == outcome
    }


# What is shown


def show_outcomes(report: dict[str, Any]) -> None:
    """Print how the candidates ended."""
    table([(name, count) for name, count in report["outcomes"].items() if count])


def show_report(report: dict[str, Any]) -> None:
    """Print what a run found and did, in the result's own names."""
    sessions = report["expiredSessionsCleanup"]
    say("    Sessions, each in exactly one class")
    table([(f"  {name}", count) for name, count in report["sessions"].items() if count])
    say(f"    Cleaned up{' (would be)' if report['dryRun'] else ''}")
    table(
        [
            ("  sessions", sessions["sessionsProcessed"]),
            ("  sessions long created", report["failedUploadsCleanup"]),
            ("  their multipart uploads", sessions["multipartUploadsAborted"]),
            ("  their objects", sessions["objectsDeleted"]),
            ("  orphaned objects", report["orphanedObjectsCleanup"]),
            ("  orphaned multipart uploads", report["orphanedUploadsAborted"]),
            ("  marked partial, for a person", report["markedPartial"]),
        ]
    )
    say("    Outcomes of all candidates")
    show_outcomes(report)


def show_actions(actions: set[tuple[str, str]]) -> None:
    """Print how many of each action there are."""
    say("    In the audit trail")
    table(sorted((f"  {name}", count) for name, count in Counter(a for a, _ in actions).items()))


def show_survivors(scene: Scene) -> None:
    """
    Print for each kind how many are still there, and why.

    Raises:
        DemoError: Something that lives is gone, or something dead is left.
    """
    there, something = counted(scene.survivors()), counted(scene.remains())
    table(
        [
            (kind.name, f"{there[kind.name]} of {kind.count}", (kind.make.__doc__ or "").strip())
            for kind in KINDS
        ],
        header=("what", "there", "why"),
    )
    for kind in KINDS:
        found, expected = (something, 0) if kind.goes else (there, kind.count)
        if found[kind.name] != expected:
            raise DemoError(f"{kind.name}: {found[kind.name]} are there, not {expected}")


def show_places(cleanup: dict[str, Any]) -> None:
    """Print where an operator finds all this."""
    log_group = cleanup["log_group_name"]
    table(
        [
            ("log", f"aws logs filter-log-events --log-group-name {log_group}"),
            *(("saved query", name) for name in cleanup["query_names"].values()),
            ("dashboard", cleanup["dashboard_name"]),
            ("audit trail", cleanup["audit_location"]),
            ("dry run", cleanup["invoke_command"]),
            ("restore", cleanup["restore_command"]),
        ]
    )
