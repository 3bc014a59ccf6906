"""What stands still until a test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cloud import Cloud


def test_server_runs_no_timer_of_the_emulator(cloud: Cloud) -> None:
    """No row goes because a minute has passed, whichever correction loads the service first."""
    names = cloud.door("threads")

    assert "clock" in names
    assert "dynamodb-ttl-reaper" not in names
