"""
The Lambda's entry point, as Lambda calls it, on a real server.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import MismatchError, SettingsError
from postgres_expiry.handler import handler
from tests.postgres.expiry_runs import CREATE_ROWS, ROWS, fill, ids, password_of, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database

CONTEXT: Any = SimpleNamespace(
    aws_request_id="request-1",
    function_name="expiry",
    get_remaining_time_in_millis=lambda: 300_000,
)


@pytest.fixture
def database(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Return a database of five expired rows, that the function's environment names."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=5)
    with password_of(postgres) as path:
        for name, value in variables(postgres, path, TABLES=json.dumps(ROWS)).items():
            monkeypatch.setenv(name, value)
        yield postgres


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written, a JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_handler_answers_and_emits_each_metric_where_its_alarm_looks(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tables' metrics by table, the function's by function, RunsCompleted last of all."""
    answer = handler({}, CONTEXT)
    lines = written(capsys)
    metrics = [line for line in lines if "_aws" in line]

    assert answer["body"] == {"deleted": 5, "tables": {"rows": 5}}
    assert ids(database) == set()
    assert [line.get("Table") for line in metrics] == ["rows", None, None]
    assert (metrics[0]["RowsDeleted"], metrics[0]["ExpiredRows"]) == ([5.0], [0.0])
    assert (metrics[1]["Deleted"], metrics[1]["RunIncomplete"]) == ([5.0], [0.0])
    assert metrics[2]["RunsCompleted"] == [1.0]
    assert {line["FunctionName"] for line in metrics} == {"expiry"}
    json.dumps(answer)  # as Lambda does


def test_handler_that_cannot_do_its_work_raises_and_logs_why(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda's own Errors metric sees it; no run has completed, and no password is shown."""
    database.run("alter table rows rename to elsewhere")

    with pytest.raises(MismatchError):
        handler({}, CONTEXT)

    lines = written(capsys)
    assert [line["error"] for line in lines if line.get("level") == "ERROR"] == ["MismatchError"]
    assert not any("RunsCompleted" in line for line in lines)
    assert database.password not in json.dumps(lines)


def test_handler_without_its_environment_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it, at once."""
    for name in [name for name in os.environ if name.startswith("PG_")]:
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=r"PG_DB_HOST is not set; .*PRESET and TABLES"):
        handler({}, CONTEXT)
