"""Parts of a run, by themselves, on a stage whose clock may be the real one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.budget import Budget
from expiry.telemetry import logger_for
from tests.safety.drive import ENVIRONMENT, NOTHING
from tests.safety.stage import Clients, Stage
from tests.safety.wire import Wire
from upload_cleanup.request import Request
from upload_cleanup.run import Run
from upload_cleanup.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONG_MS = 900_000
UPLOADED: Mapping[str, Any] = {"status": "uploaded", "ttl": None}


def long() -> int:
    """Return more time than any run needs, in milliseconds."""
    return LONG_MS


def run_of(
    stage: Stage,
    wire: Wire | None = None,
    *,
    run_id: str = "run-1",
    event: dict[str, Any] | None = None,
    environment: Mapping[str, str] = NOTHING,
    remaining_ms: Callable[[], int] = long,
) -> Run:
    """Make a run that has not begun."""
    wire = wire or Wire()
    names = {"TABLE_NAME": stage.name, "BUCKET": stage.name}
    return Run(
        run_id=run_id,
        settings=Settings.from_env({**names, **ENVIRONMENT, **environment}),
        request=Request.parse(event or {}),
        dynamodb=wire.wrap(stage.clients.dynamodb),
        s3=wire.wrap(stage.clients.s3),
        budget=Budget(remaining_ms, 0.0),
        logger=logger_for("upload_cleanup", run_id),
        owner_account_id=stage.clients.account.id,
        wall_clock=stage.clock,
        clock=time.monotonic,
        sleep=lambda _: None,
    )


def now_stage(clients: Clients) -> Stage:
    """Make a stage whose clock shows the real time, which delete markers carry."""
    return Stage(clients, now_s=float(int(time.time())))


def uploaded(stage: Stage, *session_ids: str, **attributes: Any) -> None:
    """Write uploaded sessions without TTL."""
    stage.write([stage.session(each, **{**UPLOADED, **attributes}) for each in session_ids])


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit bucket, and what runs have written there."""

    stage: Stage

    @property
    def environment(self) -> dict[str, str]:
        """Return what tells a run of it."""
        return {"AUDIT_BUCKET": self.stage.name}

    def keys(self, folder: str = "") -> list[str]:
        """Return the keys in a folder of the trail."""
        prefix = f"upload-cleanup/{folder}"
        return sorted(key for key in self.stage.objects() if key.startswith(prefix))

    def lines(self, folder: str) -> list[dict[str, Any]]:
        """Return all lines of a folder's objects."""
        return [
            json.loads(line)
            for key in self.keys(folder)
            for line in self.text(key).split("\n")
            if line
        ]

    def text(self, key: str) -> str:
        """Return an object's content."""
        body = self.stage.clients.s3.get_object(Bucket=self.stage.name, Key=key)["Body"]
        return str(body.read().decode())

    def state_key(self) -> str:
        """Return the key of the memory, of which there is one."""
        (key,) = self.keys("state/")
        return key
