"""Whatever comes in whatever order, what is alive stays, and in the end what is dead is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.safety.machine import Machine

if TYPE_CHECKING:
    from tests.safety.stage import Clients

EXAMPLES = 16
STEPS = 8


@pytest.mark.parametrize("number", [1, 2])
def test_application_and_cleanup_in_any_order_keep_what_is_alive(
    clients: Clients, number: int
) -> None:
    """
    Puts, renewals, completions, faults, kills and time, in any order.
    """
    machine = seed(number)(type("OurMachine", (Machine,), {"clients": clients}))

    run_state_machine_as_test(
        machine,
        settings=settings(
            settings.get_profile("steady"), max_examples=EXAMPLES, stateful_step_count=STEPS
        ),
    )
