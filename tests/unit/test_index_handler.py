"""
The handler as Lambda calls it: two variables are enough; what ends a run is logged and raised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError, SettingsError
from index_cleanup.handler import handler
from tests.safety.index_stage import SYSTEM, IndexStage
from tests.safety.index_tokens import SPA_ACCESS
from tests.safety.stage import Clients

if TYPE_CHECKING:
    from tests.cloud import Account


@dataclass
class Context:
    """What Lambda gives beside the event."""

    aws_request_id: str = "request-1"
    function_name: str = "attributes-cleanup"

    def get_remaining_time_in_millis(self) -> int:
        """Return five minutes."""
        return 300_000


def invoked(event: Any) -> dict[str, Any]:
    """Call the handler."""
    return handler(event, Context())  # type: ignore[arg-type]  # what it uses of a LambdaContext


@pytest.fixture
def stage(account: Account, monkeypatch: pytest.MonkeyPatch) -> IndexStage:
    """Return an empty table, and an environment that has its name and a preset."""
    for name in ("RULES", "LIFETIMES", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the first credentials it saw
    for name, value in account.env().items():
        monkeypatch.setenv(name, value)
    made = IndexStage(Clients.of(account))
    monkeypatch.setenv("TABLE_NAME", made.name)
    monkeypatch.setenv("PRESET", "actingweb")
    return made


def test_handler_needs_a_table_and_a_preset_only(
    stage: IndexStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """It cleans up for real, and its metrics carry the function's name."""
    stage.write([stage.row(SYSTEM, SPA_ACCESS, "token", {"expires_at": 1})])

    result = invoked({})

    assert result["statusCode"] == 200
    assert result["body"]["spa_tokens"] == 1
    assert result["runId"] == "request-1"
    assert stage.rows() == {}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["FunctionName"] for line in lines if "_aws" in line} == {"attributes-cleanup"}


def test_handler_dry_run_deletes_nothing(stage: IndexStage) -> None:
    """The environment need not say so: the event can only make a run safer."""
    stage.write([stage.row(SYSTEM, SPA_ACCESS, "token", {"expires_at": 1})])

    result = invoked({"dryRun": True})

    assert result["dryRun"]
    assert result["outcomes"]["would_delete"] == 1
    assert len(stage.rows()) == 1


@pytest.mark.usefixtures("stage")
def test_handler_names_all_that_is_wrong_and_does_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line of the log, and Lambda's own, too."""
    account.clear_calls()
    with pytest.raises(EventError, match="dryrun"):
        invoked({"dryrun": True})
    monkeypatch.setenv("TABLE_NAME", "")
    with pytest.raises(SettingsError, match="TABLE_NAME"):
        invoked({})

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["error"] for line in lines] == ["EventError", "SettingsError"]
    assert account.calls() == []
