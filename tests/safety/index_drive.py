"""Start runs of the index cleanup on a stage."""

from __future__ import annotations

import time
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from index_cleanup.request import Request
from index_cleanup.run import Run
from index_cleanup.settings import Settings
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONG_MS = 900_000
STEP_S = 5.0  # to the next run: what is over for seconds only, is not over for it either
QUIET = Logger(service="index_cleanup_proofs", level="CRITICAL")  # hundreds of runs
# One thread, so that the k-th call is the same one each time; no pace, so that nothing is waited.
ENVIRONMENT = {"THREADS": "1", "MAX_WRITE_UNITS_PER_SECOND": "1000000"}


class Place(Protocol):
    """Where a run happens: a stage, or a table in memory."""

    clients: Any
    name: str

    def clock(self) -> float:
        """Return the time."""


def long() -> int:
    """Return more time than any run needs, in milliseconds."""
    return LONG_MS


def run(
    stage: Place,
    wire: Wire | None = None,
    *,
    environment: Mapping[str, str],
    event: dict[str, Any] | None = None,
    run_id: str = "run-1",
    logger: Logger = QUIET,
    client: Any = None,
    remaining_ms: Callable[[], int] = long,
) -> dict[str, Any]:
    """Run once, through *wire*, as *client* (the stage's own by default); return the result."""
    made = Run(
        run_id=run_id,
        settings=Settings.from_env({"TABLE_NAME": stage.name, **ENVIRONMENT, **environment}),
        request=Request.parse(event or {}),
        dynamodb=(wire or Wire()).wrap(client or stage.clients.dynamodb),
        budget=Budget.until(remaining_ms),
        logger=logger,
        wall_clock=stage.clock,
        clock=time.monotonic,
        sleep=lambda _: None,
    )
    if logger is not QUIET:
        return made.execute()
    with redirect_stdout(StringIO()):  # metrics go there
        return made.execute()
