"""
The index cleanup's story: an application's tokens, a dry run, a real run, and who survived it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tools.demo.runs import fired, invoked, lines
from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError
from tools.demo.token_kinds import KINDS
from tools.demo.token_scene import Scene, expected_body

if TYPE_CHECKING:
    from tools.demo.stage import Stage

DRY = '{"dryRun": true}'


def tell(stage: Stage) -> None:
    """
    Fill the table, run dry, run for real, and compare.

    Raises:
        DemoError: A run did not report, or did something else than its dry run said.
    """
    outputs = stage.outputs()
    cleanup = outputs["cleanup"]
    scene = Scene(stage.account, outputs["table_name"])

    step(f"Filling {scene.table} with rows as ActingWeb writes them")
    rows = scene.fill(KINDS)
    table([(kind.name, kind.count) for kind in KINDS], header=("what", "how many"))

    step("A dry run: what would go")
    dry = invoked(stage, cleanup, DRY)
    show_report(dry)
    if len(scene.rows()) != len(rows):
        raise DemoError("the dry run changed the table")
    planned = acted(stage, cleanup, dry["runId"], "would_delete")

    step(f"Firing the schedule {cleanup['schedule_name']}, as deployed: the real run")
    real = fired(stage, cleanup)
    show_report(real)
    done = acted(stage, cleanup, real["runId"], "deleted")
    if done != planned or real["body"] != expected_body(KINDS):
        raise DemoError(f"the real run did something else: {sorted(done ^ planned)}")
    say("    It did what the dry run said, and nothing else.")

    step("In its log: a hash stands for each token")
    show_rows(done)

    step("Who is still there, and why")
    show_survivors(scene)

    step("Alarms")
    states = stage.account.evaluate_alarms()
    table(sorted((state, name) for name, state in states.items()), header=("state", "alarm"))

    step("Where to look")
    show_places(cleanup, outputs["table_name"])


def acted(
    stage: Stage, cleanup: dict[str, Any], run_id: str, outcome: str
) -> set[tuple[str, str, str]]:
    """Return (rule, key, reason) of every row that a run's log says ended so."""
    return {
        (line["rule"], " / ".join(row["key"].values()), row["reason"])
        for line in lines(stage, cleanup, "rows")
        if line["correlation_id"] == run_id
        for row in line["rows"]
        if row["outcome"] == outcome
    }


# What is shown


def show_report(report: dict[str, Any]) -> None:
    """Print what a run did, in the result's own names."""
    body = report["body"]
    say(f"    The answer{', as it would be' if report['dryRun'] else ''}")
    table(
        [
            ("  oauth_sessions", body["oauth_sessions"]),
            ("  spa_tokens", body["spa_tokens"]),
            *((f"  mcp_tokens.{name}", count) for name, count in body["mcp_tokens"].items()),
        ]
    )
    say("    Outcomes of all rows")
    table([(f"  {name}", count) for name, count in report["outcomes"].items() if count])
    unknown = sum(rule["unknown"] for rule in report["rules"].values())
    say(f"    Kept because nobody can tell: {unknown}")
    say(f"    Dead rows that are still there: {report['health']['expiredBacklog']}")


def show_rows(rows: set[tuple[str, str, str]]) -> None:
    """Print one row for each rule and reason, and how many there were."""
    examples = {(rule, reason): key for rule, key, reason in sorted(rows)}
    counts = Counter((rule, reason) for rule, _, reason in rows)
    table(
        [(*about, examples[about], counts[about]) for about in sorted(counts)],
        header=("rule", "reason", "for example", "rows"),
    )


def show_survivors(scene: Scene) -> None:
    """
    Print for each kind how many are still there, and why.

    Raises:
        DemoError: Something that lives is gone, or something dead is left.
    """
    there, something = scene.there(), scene.remains()
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


def show_places(cleanup: dict[str, Any], table_name: str) -> None:
    """Print where an operator finds all this."""
    log_group = cleanup["log_group_name"]
    table(
        [
            ("log", f"aws logs filter-log-events --log-group-name {log_group}"),
            *(("saved query", name) for name in cleanup["query_names"].values()),
            ("dashboard", cleanup["dashboard_name"]),
            ("dry run", cleanup["invoke_command"]),
            ("TTL", f"aws dynamodb describe-time-to-live --table-name {table_name}"),
        ]
    )
