"""
Read a state machine's definition: where each state leads, how often it comes, how long it lasts.

A definition is given as Step Functions gets it. What cannot be read off fails the test that asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

State = dict[str, Any]
States = dict[str, State]

# Goes on while it is below, or leaves as soon as it is not; "and" would let something else decide.
COUNTS = re.compile(r"\{% (?:(?:\$\w+ or )?\$(\w+) (>=)|\$(\w+) (<)) (\d+) %\}")
# The events of one visit: a task's are entered, scheduled, started, submitted, succeeded, exited.
EVENTS = {"Task": 6, "Map": 4, "Choice": 2, "Wait": 2, "Pass": 2, "Succeed": 2, "Fail": 2}
RETRY_EVENTS = 4  # scheduled, started, submitted, failed
ITERATION_EVENTS = 2
SPREAD = r"1 \+ \$floor\(\$random\(\) \* (\d+)\)"
RATE_LIMITED = r"\$claim\.rateLimited \? \$min\(\[\$claim\.retryAfterSeconds, (\d+)\]\) : 0"
# Each has its numbers in it, and lasts as long as they do together, at most.
WAITS = (
    rf"\{{% {SPREAD} %\}}",
    rf"\{{% \({RATE_LIMITED}\) \+ {SPREAD} %\}}",
    r"\{% \$min\(\[(\d+), \d+ - \$waited\]\) %\}",
)


def everywhere(machine: State) -> Iterator[tuple[str, State, State | None]]:
    """Yield every state, with the Map that it is in."""
    for name, state in machine["States"].items():
        yield name, state, None
        for inner, within in state.get("ItemProcessor", {}).get("States", {}).items():
            yield inner, within, state


def next_of(state: State) -> set[str]:
    """Return where a state may go."""
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {way["Next"] for way in ways if "Next" in way} | {
        state[key] for key in ("Default",) if key in state
    }


def reached(states: States, start: str) -> set[str]:
    """Return the states that can be reached from *start*, itself among them."""
    found, todo = {start}, [start]
    while todo:
        new = (next_of(states[todo.pop()]) & states.keys()) - found
        found |= new
        todo.extend(new)
    return found


def loops(states: States) -> list[set[str]]:
    """Return the loops: the largest sets of states each of which can be reached from each."""
    ways = {name: reached(states, name) for name in states}
    sets: list[set[str]] = []
    for name, state in states.items():
        around = {other for other in ways[name] if name in ways[other]}
        if (len(around) > 1 or name in next_of(state)) and around not in sets:
            sets.append(around)
    return sets


def bounds(states: States) -> dict[str, int]:
    """
    Return how often each state is visited at most.

    A loop counts where it holds a choice that leaves it once its counter, which it only ever
    raises, has come to a number; without that choice what is left must count in the same way.
    """
    visits = dict.fromkeys(states, 1)
    for loop in loops(states):
        inside = {name: states[name] for name in loop}
        guard, times = guarded(inside)
        for name in loop:
            visits[name] *= times
        rest = {name: state for name, state in inside.items() if name != guard}
        for name, more in bounds(rest).items():
            visits[name] *= more
    return visits


def guarded(loop: States) -> tuple[str, int]:
    """Return the choice that ends a loop, and after how many rounds; fail where there is none."""
    for name, state in loop.items():
        for choice in state.get("Choices", []):
            found = COUNTS.fullmatch(choice["Condition"])
            if found is None or not leaves(state, choice, loop, below=found[4] is not None):
                continue
            counter, most = found[1] or found[3], int(found[5])
            steps = [
                (each, raised(inner["Assign"][counter], counter))
                for each, inner in loop.items()
                if counter in inner.get("Assign", {})
            ]
            # No way around the loop leaves the counter as it was.
            uncounted = {n: s for n, s in loop.items() if n not in {each for each, _ in steps}}
            if not any(name in around for around in loops(uncounted)) and all(
                by for _, by in steps
            ):
                return name, -(-most // min(by for _, by in steps))
    pytest.fail(f"nothing ends the loop {sorted(loop)}")


def leaves(state: State, choice: State, loop: States, *, below: bool) -> bool:
    """Say whether the loop is left when the counter has come to its number."""
    if below:
        others = state["Choices"][state["Choices"].index(choice) + 1 :]
        return not ({other["Next"] for other in others} | {state["Default"]}) & loop.keys()
    return choice["Next"] not in loop


def raised(step: Any, counter: str) -> int:
    """Return by how much a step raises its counter at least in all rounds but the last."""
    found = re.fullmatch(
        rf"\{{% \${counter} \+ (?:(\d+)|\$min\(\[(\d+), \d+ - \${counter}\]\)) %\}}", str(step)
    )
    return int(found[1] or found[2]) if found else 0


def wait_s(state: State) -> int:
    """Return the longest that a Wait lasts; fail where that cannot be read off."""
    seconds = state["Seconds"]
    if isinstance(seconds, int):
        return seconds
    for pattern in WAITS:
        if found := re.fullmatch(pattern, seconds):
            return sum(map(int, found.groups()))
    pytest.fail(f"no limit of the wait {seconds}")


def tries(state: State) -> tuple[int, float]:
    """Return how often a task is tried, and how long it waits between the tries."""
    most, waits = 0, 0.0
    for retry in state.get("Retry", []):
        most += retry["MaxAttempts"]
        first, rate = retry["IntervalSeconds"], retry["BackoffRate"]
        waits += sum(first * rate**n for n in range(retry["MaxAttempts"]))
    return 1 + most, waits


def longest_s(state: State, attachments: int) -> float:
    """Return the longest that one visit of a state may last."""
    if state["Type"] == "Wait":
        return wait_s(state)
    if state["Type"] == "Map":
        inner: float = sum(longest_s(s, 0) for s in state["ItemProcessor"]["States"].values())
        at_once: int = state["MaxConcurrency"]
        return -(-attachments // at_once) * inner
    times, waits = tries(state)
    limit_s: float = state.get("TimeoutSeconds", 0)
    return times * limit_s + waits


def events(state: State, attachments: int) -> int:
    """Return the most events that one visit of a state may leave in the history."""
    own = EVENTS[state["Type"]] + (tries(state)[0] - 1) * RETRY_EVENTS
    inner = state.get("ItemProcessor", {}).get("States", {}).values()
    return own + attachments * sum(events(s, 0) + ITERATION_EVENTS for s in inner)


def most_attachments(machine: State) -> int:
    """Return how many attachments are let through to the Map."""
    choices = machine["States"].get("HasAttachments", {}).get("Choices", [])
    return max((int(n) for c in choices for n in re.findall(r"> (\d+)", c["Condition"])), default=0)
