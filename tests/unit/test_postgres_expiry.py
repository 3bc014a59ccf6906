"""
The parts of the expiry that ask no database: its pace, its templates, its metrics.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from string import Template
from typing import Any

import pytest

from expiry.budget import Budget
from expiry.errors import (
    ConnectError,
    ConnectionLostError,
    ConstraintError,
    LockedError,
    LoginError,
    PrivilegeError,
)
from expiry.postgres.link import Link
from expiry.postgres.pacing import BatchSize, RowPace
from expiry.telemetry import Emitter, MetricTable
from postgres_expiry.deletion import GROWTH, Stop, Tally
from postgres_expiry.predicates import FOLDER, rendered
from postgres_expiry.report import Findings, metrics, table_metrics
from postgres_expiry.request import Operation
from postgres_expiry.run import METRICS
from tools.terraform import ROOT

TEMPLATES = sorted(FOLDER.glob("*.sql"))


def test_batch_shrinks_when_slow_and_grows_while_quick() -> None:
    """Half of what took too long; more by a half, to four times the beginning and no further."""
    size = BatchSize(100, target_s=0.2)
    size.took(100, 0.3)
    assert size.rows == 50
    size.took(50, 0.15)  # within the target, and not so quick as to grow
    assert size.rows == 50
    for _ in range(20):
        size.took(size.rows, 0.01)
    assert size.rows == 400
    size.took(3, 0.01)  # the last batch is short: it says nothing
    assert size.rows == 400
    size.took(10, 0.3)  # and ten rows that are slow say much
    assert size.rows == 5


def test_batch_grows_as_far_as_it_is_told_and_falls_back_at_once() -> None:
    """What is quick needs few statements; one that is slow takes half of it, wherever it was."""
    size = BatchSize(500, target_s=0.2, growth=GROWTH)
    for _ in range(20):
        size.took(size.rows, 0.01)
    assert size.rows == 8_000
    size.took(8_000, 0.3)
    assert size.rows == 4_000


def test_batch_that_fails_at_one_row_is_at_its_end() -> None:
    """Halving must come to an end, else a run would ask for ever."""
    size = BatchSize(4, target_s=0.2)

    assert [size.failed(4), size.failed(2), size.failed(1)] == [True, True, False]
    assert size.rows == 1


def test_pace_waits_for_what_was_deleted_and_saves_no_burst() -> None:
    """Rows a second over the whole run; a pause does not let the next batches run free."""
    now_s = [0.0]
    pace = RowPace(100, lambda: now_s[0])
    assert (pace.cap(500), pace.wait_s()) == (100, 0.0)
    pace.took(50)
    assert pace.wait_s() == pytest.approx(0.5)
    now_s[0] = 10.0
    pace.took(100)
    assert pace.wait_s() == pytest.approx(1.0)


def test_pace_without_a_limit_never_waits() -> None:
    """Zero is no limit."""
    pace = RowPace(0, lambda: 0.0)
    pace.took(1_000_000)

    assert (pace.cap(500), pace.wait_s()) == (500, 0.0)


class Session:
    """A session that only counts how it ends."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Opener:
    """Opens sessions, or fails in the order given."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.sessions: list[Session] = []

    def __call__(self, read_only: bool) -> Any:  # noqa: FBT001 - what a link calls
        assert read_only
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        self.sessions.append(Session())
        return self.sessions[-1]


def link(opener: Opener, left_s: float = 100.0) -> tuple[Link, list[float]]:
    """Return a link, and the pauses that it makes."""
    pauses: list[float] = []
    budget = Budget(lambda: int(left_s * 1000), 0.0)
    return Link(opener, budget, pauses.append, read_only=True), pauses


def failing(*failures: Exception) -> Any:
    """Return work that fails in the order given, then says which session did it."""
    left = list(failures)

    def work(session: Any) -> Any:
        if left:
            raise left.pop(0)
        return session

    return work


def test_link_repeats_what_another_transaction_undid() -> None:
    """A lock, a deadlock: again, each time a little later; a reference that came: once, at once."""
    made, pauses = link(Opener())

    assert made.attempt(failing(LockedError("held"), LockedError("held"))) is made.session
    assert pauses == [0.2, 0.4]
    with pytest.raises(LockedError):
        made.attempt(failing(*[LockedError("held")] * 4))
    assert made.attempt(failing(ConstraintError("came"))) is made.session
    with pytest.raises(ConstraintError):
        made.attempt(failing(ConstraintError("came"), ConstraintError("stays")))


def test_link_opens_a_lost_session_again_and_no_more_than_thrice() -> None:
    """A server that restarts is waited for; one that keeps on breaking is an error."""
    opener = Opener(None, ConnectError("starting up"), None)
    made, pauses = link(opener)

    assert made.attempt(failing(ConnectionLostError("gone"))) is made.session
    assert (made.reconnects, pauses, opener.sessions[0].closed) == (1, [0.5], True)
    with pytest.raises(ConnectionLostError):
        made.attempt(failing(*[ConnectionLostError("gone")] * 3))
    assert made.reconnects == 3


def test_link_waits_for_no_login_and_no_privilege() -> None:
    """What waiting does not change is told at once."""
    made, pauses = link(Opener(None, LoginError("rotated")))
    with pytest.raises(PrivilegeError):
        made.attempt(failing(PrivilegeError("none")))
    with pytest.raises(LoginError):
        made.attempt(failing(ConnectionLostError("gone")))

    assert pauses == []


def test_link_out_of_time_does_not_wait() -> None:
    """The budget is asked before each pause."""
    made, pauses = link(Opener(None, ConnectError("down")), left_s=0.1)
    with pytest.raises(LockedError):
        made.attempt(failing(LockedError("held")))
    with pytest.raises(ConnectError):
        made.attempt(failing(ConnectionLostError("gone")))

    assert pauses == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_is_one_that_terraform_fills_alike(path: Any) -> None:
    """Nothing but ``${name}``: no directive of Terraform's, no other ``$`` of Python's."""
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"\$\{([a-z_]+)\}", text))

    assert text.count("$") == len(re.findall(r"\$\{[a-z_]+\}", text))
    assert "%{" not in text
    assert Template(text).substitute(dict.fromkeys(names, "x"))
    # A driver that looks for parameters may not know what a comment is.
    comments = [line for line in text.splitlines() if line.lstrip().startswith("--")]
    assert [line for line in comments if re.search(r"[';]|:\w", line)] == []


def test_template_without_a_value_is_a_fault() -> None:
    """A placeholder that is left would be sent to the database."""
    with pytest.raises(KeyError):
        rendered("cutoff")


def test_emitter_takes_each_metric_under_its_own_dimensions() -> None:
    """A table's metric under the function's dimensions alone would be seen by no alarm."""
    assert METRICS.dimensions_of("ExpiredRows") == ("FunctionName", "Table")
    assert METRICS.dimensions_of("RunsCompleted") == ("FunctionName",)
    function = Emitter(METRICS, {"FunctionName": "f"}, "x")
    with pytest.raises(ValueError, match="ExpiredRows"):
        function.emit({"ExpiredRows": 1})
    with pytest.raises(ValueError, match="Deleted"):
        Emitter(METRICS, {"FunctionName": "f", "Table": "t"}, "x").emit({"Deleted": 1})


def test_metrics_are_all_those_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an alarm may look for is emitted by each run."""
    settings: Any = None
    findings = Findings("run", settings, Operation.CLEAN, dry_run=False)
    findings.tallies["rows"] = Tally(listed=5, deleted=3, rows=3, changed=2, stopped=Stop.LIMIT)
    values = metrics(findings)
    Emitter(METRICS, {"FunctionName": "f"}, "x").emit(values)
    (line,) = capsys.readouterr().out.splitlines()

    of_table = {"ExpiredRows", "OldestExpiredAgeHours", "TableBytes", "RowsDeleted"}
    assert {*values, "RunsCompleted", *of_table} == set(METRICS.units)
    assert (values["Candidates"], values["Deleted"], values["Changed"]) == (5, 3, 2)
    assert values["RunIncomplete"] == 1
    assert json.loads(line)["RunIncomplete"] == [1.0]
    assert table_metrics(findings) == {}


def test_metric_table_of_another_handler_has_one_set_of_dimensions() -> None:
    """Dimensions of a metric's own are no duty."""
    table = MetricTable.load(ROOT / "lambda_src" / "ttl_monitor" / "metrics.json")

    assert {table.dimensions_of(name) for name in table.units} == {("TableName",)}


def test_command_runs_without_boto3() -> None:
    """A server with a timer needs no AWS."""
    code = "import postgres_expiry.__main__, sys; sys.exit('boto3' in sys.modules)"

    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT / "lambda_src", check=False
        ).returncode
        == 0
    )
