"""Start runs of the cleanup on a stage, once or until nothing is left to do."""

from __future__ import annotations

import time
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from tests.safety.wire import Call, Disturbance, Forward, Wire, pass_on
from upload_cleanup.request import Request
from upload_cleanup.run import Run
from upload_cleanup.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.safety.stage import Stage

SETTLE_S = 900
STEP_S = SETTLE_S + 100  # to the next run: a claim may be taken over, and an object is settled

# One thread: so that the k-th call is the same one each time.
NOTHING: Mapping[str, str] = {}
ENVIRONMENT = {"THREADS": "1", "SCAN_SEGMENTS": "1"}


QUIET = Logger(service="upload_cleanup_proofs", level="CRITICAL")  # thousands of runs


class Place(Protocol):
    """Where a run happens: a stage, or stores in memory."""

    clients: Any
    name: str  # of the table, and of the bucket

    def clock(self) -> float:
        """Return the time."""


def run(
    stage: Place,
    wire: Wire | None = None,
    *,
    run_id: str = "run-1",
    event: dict[str, Any] | None = None,
    environment: Mapping[str, str] = NOTHING,
    logger: Logger = QUIET,
) -> dict[str, Any]:
    """Run once, through *wire*; return the result."""
    wire = wire or Wire()
    clients = stage.clients
    names = {"TABLE_NAME": stage.name, "BUCKET": stage.name}
    made = Run(
        run_id=run_id,
        settings=Settings.from_env({**names, **ENVIRONMENT, **environment}),
        request=Request.parse(event or {}),
        dynamodb=wire.wrap(clients.dynamodb),
        s3=wire.wrap(clients.s3),
        budget=Budget.until(lambda: 900_000),
        logger=logger,
        owner_account_id=clients.account.id,
        wall_clock=stage.clock,
        clock=time.monotonic,
        sleep=lambda _: None,
    )
    if logger is not QUIET:
        return made.execute()
    with redirect_stdout(StringIO()):  # metrics go there
        return made.execute()


def runs(
    stage: Stage,
    count: int,
    disturb: Disturbance = pass_on,
    environment: Mapping[str, str] = NOTHING,
    name: str = "run",
) -> list[Wire]:
    """Run so many times, with the time between that the rules ask for; return each run's wire."""
    wires = [Wire(disturb=disturb) for _ in range(count)]
    for number, wire in enumerate(wires):
        run(stage, wire, run_id=f"{name}-{number}", environment=environment)
        stage.advance(STEP_S)
    return wires


class InFlight:
    """
    A part that is on its way while its upload is aborted, and lands after: the first abort of
    each upload named does not empty it, as on AWS.
    """

    def __init__(self, stage: Stage, *labels: str) -> None:
        """Name the uploads by label."""
        self.waiting = {stage.uploads[label] for label in labels}

    def __call__(self, call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        """Swallow that first abort."""
        if call.operation == "AbortMultipartUpload" and request["UploadId"] in self.waiting:
            self.waiting.remove(request["UploadId"])
            return {}
        return forward(**request)
