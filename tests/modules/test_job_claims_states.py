"""
What the state machine of `job-claims` promises before it ever runs: nothing waits for ever.

Read from the plan, as Step Functions will be given it, for the least, the usual and the largest
that the module's inputs allow.
"""

from __future__ import annotations

import json
import re

import pytest

from job_claims.endings import Owner
from tests.modules.job_claims_calls import ACCEPTED, LARGEST
from tests.modules.plan import PlannedModule, plan_variants
from tests.modules.state_machine import (
    State,
    bounds,
    events,
    everywhere,
    longest_s,
    most_attachments,
    next_of,
    reached,
    wait_s,
)

CASES = ("silent", "attachments", "largest", "no-grace", "odd-grace")
MOST_EVENTS = 25_000  # of one execution, a service limit
LONGEST_S = 31_536_000  # an execution lasts a year at most


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every case, once."""
    return plan_variants("job-claims", {case: ACCEPTED[case] for case in CASES})


@pytest.fixture(params=CASES)
def machine(request: pytest.FixtureRequest, planned: dict[str, PlannedModule]) -> State:
    """Return each case's state machine."""
    return definition_of(planned[request.param])


def definition_of(module: PlannedModule) -> State:
    """Return the definition as Step Functions is given it."""
    written = module.resource("aws_sfn_state_machine.this[0]")["definition"]
    definition: State = json.loads(written)
    return definition


def test_states_every_way_leads_to_a_state(machine: State) -> None:
    """No Next, Default or Catch names a state that is not there, and no state is left over."""
    states = machine["States"]

    named = set().union(*(next_of(state) for state in states.values()))
    assert named <= states.keys()
    assert reached(states, machine["StartAt"]) == states.keys()


def test_states_every_end_is_said_to_be_one(machine: State) -> None:
    """What leads nowhere succeeds or fails; from everywhere there is a way to an end."""
    states = machine["States"]
    ends = {name for name, state in states.items() if state["Type"] in {"Succeed", "Fail"}}

    assert {name for name, state in states.items() if not next_of(state)} == ends
    assert all(reached(states, name) & ends for name in states)


def test_states_every_task_has_a_timeout_and_a_catch(machine: State) -> None:
    """Each task ends, and whatever ends it is caught: by itself, or by the Map that it is in."""
    for name, state, within in everywhere(machine):
        if state["Type"] not in {"Task", "Map"}:
            continue
        if state["Type"] == "Task":
            assert 0 < state["TimeoutSeconds"] <= LONGEST_S, name
        catch = (within or state)["Catch"]
        assert catch[-1]["ErrorEquals"] == ["States.ALL"], name


def test_states_every_retry_is_bounded_and_spread(machine: State) -> None:
    """A call is tried five times at most, with jitter; a faulty request is not."""
    retries = [retry for _, state, _ in everywhere(machine) for retry in state.get("Retry", [])]

    assert len(retries) >= 9
    for retry in retries:
        assert retry["MaxAttempts"] <= 4
        assert retry["JitterStrategy"] == "FULL"
        assert not {"States.ALL", "States.TaskFailed", "EventError"} & set(retry["ErrorEquals"])


def test_states_waiting_for_a_token_has_a_heartbeat_and_a_limit(machine: State) -> None:
    """The only task that waits for somebody else has both, the first below the second."""
    waiting = {
        name: state
        for name, state, _ in everywhere(machine)
        if state.get("Resource", "").endswith(".waitForTaskToken")
    }

    assert waiting.keys() == {"SendToContainer"}
    (state,) = waiting.values()
    assert 0 < state["HeartbeatSeconds"] < state["TimeoutSeconds"]


def test_states_every_wait_is_bounded(machine: State) -> None:
    """Each Wait has a number in it that it cannot exceed."""
    waits = [state for _, state, _ in everywhere(machine) if state["Type"] == "Wait"]

    assert len(waits) >= 1
    assert all(0 < wait_s(state) <= 600 for state in waits)


def test_states_every_loop_has_a_counter(machine: State) -> None:
    """Each loop has a choice that leaves it when its counter has come to a number."""
    visits = bounds(machine["States"])

    assert visits["ClaimJob"] > 1
    assert visits["SendToContainer"] == visits["Failed"] == 1
    if "IsReleased" in visits:
        assert visits["IsReleased"] > visits["ClaimJob"]


@pytest.mark.parametrize(
    ("case", "rounds", "looks"), [("silent", 5, 15), ("odd-grace", 5, 11), ("largest", 25, 15)]
)
def test_states_rounds_are_those_that_were_asked_for(
    case: str, rounds: int, looks: int, planned: dict[str, PlannedModule]
) -> None:
    """A lost race is run `max_claim_attempts` times; a grace is looked at fifteen times at most."""
    visits = bounds(definition_of(planned[case])["States"])

    assert (visits["ClaimJob"], visits["IsReleased"]) == (rounds, rounds * looks)


def test_states_own_timeout_lies_above_everything_together(machine: State) -> None:
    """The machine's own timeout, which nothing catches, cannot come before a state's."""
    visits, attachments = bounds(machine["States"]), most_attachments(machine)
    together = sum(
        visits[name] * longest_s(state, attachments) for name, state in machine["States"].items()
    )

    assert together < machine["TimeoutSeconds"] < LONGEST_S


def test_states_history_fits_into_an_execution(machine: State) -> None:
    """Every call retried, every round used up, every attachment there: below 25,000 events."""
    visits, attachments = bounds(machine["States"]), most_attachments(machine)
    together = sum(
        visits[name] * events(state, attachments) for name, state in machine["States"].items()
    )

    assert together < MOST_EVENTS


def test_states_limit_of_the_work_lies_below_the_lease(planned: dict[str, PlannedModule]) -> None:
    """Whoever works is stopped before its key may be taken over."""
    for case in CASES:
        limit = definition_of(planned[case])["States"]["SendToContainer"]["TimeoutSeconds"]

        assert limit < ACCEPTED[case].get("lease_seconds", 3_600)
    assert LARGEST["timeouts"]["overall_s"] == ACCEPTED["largest"]["lease_seconds"] - 1


def test_states_each_reads_only_variables_that_are_there(machine: State) -> None:
    """Every variable that is read was given a value before: an unset one ends an execution."""
    states = machine["States"]
    set_at_the_start = states["Begin"]["Assign"].keys()
    used = set(re.findall(r"\$([a-z][a-zA-Z]*)(?![a-zA-Z(])", json.dumps(states))) - {"states"}

    later = used - set_at_the_start
    assert later <= {"holder", "released", "result"}
    # These three are set on the only way to who reads them.
    assert next_of(states["Begin"]) == {"CheckActiveJob"}
    assert "holder" in states["CheckActiveJob"]["Assign"]
    assert "result" in states["SendToContainer"]["Assign"]
    assert [name for name in states if "$result" in json.dumps(states[name])] == ["Done"]


def test_states_work_carries_the_fence(machine: State) -> None:
    """A worker is told which claim it works under, and until when."""
    body = machine["States"]["SendToContainer"]["Arguments"]["MessageBody"]

    assert body["fence"] == "{% $claim.fence %}"
    assert body["containerId"] == "{% $claim.containerId %}"
    assert body["taskToken"] == "{% $states.context.Task.Token %}"
    assert "expiresAt" in body


def test_states_failures_free_the_key_and_tell(machine: State) -> None:
    """From the work every way but success passes a release, or the handling of a timeout."""
    states = machine["States"]
    free = {"ReleaseClaim", "ReleaseAfterFailure", "ReleaseInterrupted", "HandleTimeout"}

    assert next_of(states["SendToContainer"]) == free
    assert next_of(states["ReleaseAfterFailure"]) == {"TellDeadLetters"}
    assert next_of(states["HandleTimeout"]) == {"Failed", "ReleaseAfterFailure"}
    assert next_of(states["TellDeadLetters"]) == {"Failed"}
    timeout, interrupted, _ = states["SendToContainer"]["Catch"]
    assert timeout["ErrorEquals"] == ["States.Timeout", "States.HeartbeatTimeout"]
    assert interrupted["ErrorEquals"] == ["Interrupted", "StaleFence"]


def test_states_interrupted_work_is_no_failure(machine: State) -> None:
    """A worker that stopped for newer work leaves neither a dead letter nor a failed execution."""
    states = machine["States"]

    assert reached(states, "ReleaseInterrupted") == {"ReleaseInterrupted", "Interrupted"}
    assert states["Interrupted"]["Type"] == "Succeed"
    assert states["Interrupted"]["Output"]["status"] == "superseded"


def test_states_taken_over_before_there_was_a_worker_is_no_failure(
    planned: dict[str, PlannedModule],
) -> None:
    """Whoever lost the key while attachments were processed makes way; a lease that ended fails."""
    state = definition_of(planned["attachments"])["States"]["IsStillOurs"]
    ways = {choice["Condition"]: choice["Next"] for choice in state["Choices"]}

    assert ways == {
        "{% $refreshed.refreshed %}": "SendToContainer",
        f"{{% $refreshed.reason = '{Owner.LOST}' %}}": "Interrupted",
    }
    assert state["Default"] == "ClaimLost"


def test_states_without_grace_take_over_at_once(planned: dict[str, PlannedModule]) -> None:
    """`interrupt_grace_seconds = 0` leaves nothing to wait for, and no state that would."""
    states = definition_of(planned["no-grace"])["States"]

    assert next_of(states["RecordInterruption"]) == {"ClaimJob", "TellDeadLetters"}
    assert not {"WaitForRelease", "IsReleased", "IsGraceOver"} & states.keys()


def test_states_without_a_function_attachments_go_to_the_worker(
    planned: dict[str, PlannedModule],
) -> None:
    """The worker gets them as they came; with a function, what that made of them."""
    without = definition_of(planned["silent"])["States"]
    with_function = definition_of(planned["attachments"])["States"]

    assert "ProcessAttachments" not in without
    assert (
        "$states.context.Execution.Input.attachments" in without["Begin"]["Assign"]["attachments"]
    )
    assert with_function["ProcessAttachments"]["Assign"] == {"attachments": "{% $states.result %}"}
    for states in (without, with_function):
        body = states["SendToContainer"]["Arguments"]["MessageBody"]
        assert body["attachments"] == "{% $attachments %}"
