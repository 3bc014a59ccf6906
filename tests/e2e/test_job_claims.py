"""
The job claims as a consumer deploys them: messages through Step Functions, workers as processes.

One apply serves the whole file. Waits of the state machine take a part of their time, and a test
decides itself when heartbeats are over, so nothing waits for a clock. Each test has a key of its
own, but for those that look at what all the others have done: they come last.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e import consumer
from tests.e2e.job_world import USERS, World, assert_one_owner, leftovers, variables
from tests.waiting import until
from tools.demo.job_scene import STEPS, Scene
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud import Cloud

EXAMPLE = ROOT / "examples" / "job-claims"
README = EXAMPLE / "README.md"
METRICS = "Expiry/JobClaims"
DECLARED = json.loads((ROOT / "lambda_src/job_claims/metrics.json").read_text())
INSTANT, QUICK, AMPLE = 0.001, 0.05, 2.0  # what the state machine's waits take of their time


@pytest.fixture(scope="module")
def world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Apply the example with downloaded modules."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    account = cloud.account()
    with ExitStack() as stack:
        address = stack.enter_context(consumer.served(served))
        consumer.copy_root(EXAMPLE, folder, f"{address}/{consumer.ARCHIVE}")
        root = stack.enter_context(consumer.applied(folder, account, variables(account)))
        account.clear_calls()
        account.scale_waits(QUICK)
        yield World(account, root, Scene(account, consumer.outputs(root)), stack.close)


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.root.changes() == []


def test_first_message_is_claimed_sent_and_released_when_done(world: World) -> None:
    """A free key is claimed, the work carries its fence, and its end gives the key back."""
    key, scene = "engine#first", world.scene
    execution = scene.send(key, "t1", "first-1")

    work, claim = world.taken("first-1"), scene.claim(key)
    world.finish(work)
    ended = scene.ended(execution)

    assert work["type"] == "WORK"
    shared = ("containerId", "fence", "threadId", "messageId")
    assert {name: work[name] for name in shared} == {name: claim[name] for name in shared}
    assert re.fullmatch(r"container-\d+-[0-9a-f]+", claim["containerId"])
    assert claim["expiresAt"] == claim["claimedAt"] + 3_600
    assert ended["execution"] == "SUCCEEDED"
    assert (ended["status"], ended["result"]) == ("done", {"good": True})
    assert (ended["containerId"], ended["fence"]) == (claim["containerId"], claim["fence"])
    free = scene.claim(key)
    assert "containerId" not in free
    assert free["fence"] == claim["fence"]


def test_same_thread_shares_the_claim_without_an_interrupt(world: World) -> None:
    """A second message goes to the same container; the key is free when the last one is done."""
    key, scene = "engine#ada", world.scene
    first = scene.send(key, "t1", "same-1")
    one = world.taken("same-1")
    second = scene.send(key, "t1", "same-2")
    two = world.taken("same-2")

    world.finish(one)
    scene.ended(first)
    shared = scene.claim(key)
    world.finish(two)
    scene.ended(second)

    assert (one["containerId"], one["fence"]) == (two["containerId"], two["fence"])
    assert "SendInterrupt" not in world.history(second)
    assert scene.received(scene.outputs["interrupt_queue_urls"]["ada"]) == []
    assert (shared["containerId"], shared["fence"]) == (one["containerId"], one["fence"])
    assert "containerId" not in scene.claim(key)


def test_second_thread_interrupts_is_recorded_and_claims(world: World) -> None:
    """The worker stops before its next step; the newer message gets the key, and is done whole."""
    key, scene = "engine#bob", world.scene
    world.account.scale_waits(AMPLE)
    many = {"payload": {"steps": [f"old {n}" for n in range(1_000)]}}

    with scene.worker("one", "--most", "1", "--step-seconds", "0.05") as worker:
        older = scene.send(key, "t1", "old", **many)
        taken = worker.said("commits", "old")
        newer = scene.send(key, "t2", "new")
        worker.said("Interrupted", "old")
        ended = scene.ended(newer)
        stopped = scene.ended(older)
    world.account.scale_waits(QUICK)

    record = scene.record("new")
    assert record["interruptedContainer"] == taken["containerId"]
    assert (record["newThreadId"], record["reason"]) == ("t2", "new_message")
    assert ended["status"] == "done"
    assert ended["fence"] == taken["fence"] + 1
    assert ended["containerId"] != taken["containerId"]
    assert (stopped["execution"], stopped["status"]) == ("SUCCEEDED", "superseded")
    lines = scene.document(key)["lines"]
    assert [line["text"] for line in lines if line["messageId"] == "new"] == list(STEPS)
    assert lines[-3:] == [line for line in lines if line["messageId"] == "new"]
    assert "containerId" not in scene.claim(key)


def test_paused_worker_cannot_commit_with_its_stale_fence(world: World) -> None:
    """A worker that sleeps through its interrupt loses the key, and the table refuses its write."""
    key, scene = "engine#cyd", world.scene

    with ExitStack() as workers:
        sleeper = workers.enter_context(
            scene.worker("sleeper", "--most", "1", "--step-seconds", "0.5")
        )
        older = scene.send(key, "t1", "paused")
        sleeper.said("works", "paused", step=1)
        sleeper.pause()
        workers.callback(sleeper.resume)
        newer = scene.send(key, "t2", "awake")
        other = workers.enter_context(scene.worker("other", "--step-seconds", "0"))
        other.said("finishes", "awake")
        ended = scene.ended(newer)
        sleeper.resume()
        refused = sleeper.said("StaleFence", "paused")
        stopped = scene.ended(older)

    assert refused["why"] == f"fence {ended['fence'] - 1} is stale: {ended['fence']} is there"
    assert (stopped["execution"], stopped["reason"]) == ("SUCCEEDED", "stale_fence")
    lines = scene.document(key)["lines"]
    assert [(line["messageId"], line["text"]) for line in lines] == [
        ("paused", STEPS[0]),
        *(("awake", text) for text in STEPS),
    ]


def test_worker_leaves_work_of_a_claim_that_another_is_at(world: World) -> None:
    """Two messages of one thread share a fence: a second worker waits, unless the first is gone."""
    key, scene, client = "engine#shared", world.scene, world.account.client("dynamodb")
    execution = scene.send(key, "t1", "shared")
    fence = until(lambda: scene.claim(key).get("fence"))
    row = {"projectUserId": {"S": key}, "fence": {"N": str(fence)}, "worker": {"S": "first"}}

    def seen(at_s: float) -> None:
        row["at"] = {"N": str(int(at_s))}
        client.put_item(TableName=scene.outputs["documents_table"], Item=row)

    seen(time.time())
    with scene.worker("second", "--step-seconds", "0") as worker:
        worker.said("leaves", "shared")
        assert "lines" not in scene.document(key)
        seen(time.time() - 600)
        worker.said("finishes", "shared")

    assert scene.ended(execution)["status"] == "done"


def test_worker_that_dies_is_noticed_recorded_and_its_key_is_freed(world: World) -> None:
    """No heartbeats: the timeout is recorded and told once, the claim goes, its fence stays."""
    key, scene = "engine#dies", world.scene
    with scene.worker("mortal", "--step-seconds", "600") as worker:
        execution = scene.send(key, "t1", "dying")
        taken = worker.said("works", "dying")
        worker.kill()
        claim = scene.claim(key)
        assert world.account.lapse_tasks() == 1
        ended = scene.ended(execution)

    assert (ended["execution"], ended["error"]) == ("FAILED", "States.HeartbeatTimeout")
    record = scene.record(f"timeout#{taken['fence']}#dying")
    assert record["interruptedContainer"] == taken["containerId"]
    assert (record["reason"], record["fence"]) == ("States.HeartbeatTimeout", taken["fence"])
    (letter,) = scene.dead_letters()
    assert (letter["type"], letter["executionId"]) == ("TIMEOUT", execution)
    assert letter["id"] == record["recordId"]
    assert letter["claim"]["claimedAt"] == claim["claimedAt"]
    assert {"fence", "ttl"} <= scene.claim(key).keys()
    assert "containerId" not in scene.claim(key)


def test_work_that_takes_too_long_ends_and_frees_its_key(world: World) -> None:
    """Heartbeats do not help for ever: the task's own time is a limit, too."""
    key, scene = "engine#slow", world.scene
    execution = scene.send(key, "t1", "slow")
    work = world.taken("slow")
    states = world.account.client("stepfunctions")
    states.send_task_heartbeat(taskToken=work["taskToken"])

    assert world.account.lapse_tasks(overall=True) == 1
    ended = scene.ended(execution)

    assert (ended["execution"], ended["error"]) == ("FAILED", "States.Timeout")
    assert [letter["type"] for letter in scene.dead_letters()] == ["TIMEOUT"]
    assert "containerId" not in scene.claim(key)
    with pytest.raises(ClientError, match=r"TaskDoesNotExist|TaskTimedOut"):
        world.finish(work)


def test_attachments_are_processed_before_the_work_is_sent(world: World) -> None:
    """Each goes through the application's function with the fence; the work carries the answers."""
    key, scene = "engine#files", world.scene
    execution = scene.send(key, "t1", "files", attachments=["a.pdf", "b.pdf", "c.pdf"])
    work = world.taken("files")
    world.finish(work)

    assert scene.ended(execution)["status"] == "done"
    assert work["attachments"] == [
        {"attachment": name, "fence": work["fence"]} for name in ("a.pdf", "b.pdf", "c.pdf")
    ]
    assert "RefreshClaim" in world.history(execution)


def test_attachment_that_fails_releases_and_is_reported(world: World) -> None:
    """The key is free for the next message; a person learns which message, and why."""
    key, scene = "engine#broken", world.scene
    execution = scene.send(key, "t1", "broken", attachments=["a.pdf", "broken"])
    ended = scene.ended(execution)

    assert (ended["execution"], ended["error"]) == ("FAILED", "ValueError")
    (letter,) = scene.dead_letters()
    assert (letter["type"], letter["error"]) == ("FAILED", "ValueError")
    assert "cannot read it" in letter["cause"]
    assert letter["input"]["messageId"] == "broken"
    assert "containerId" not in scene.claim(key)
    assert scene.received(scene.outputs["work_queue_url"]) == []


def test_worker_that_fails_releases_and_is_reported(world: World) -> None:
    """What a worker says is wrong with its work ends the execution, not the key."""
    key, scene = "engine#bad", world.scene
    with scene.worker("picky") as worker:
        execution = scene.send(key, "t1", "bad", payload={"steps": 3})
        worker.said("BadWork", "bad")
        ended = scene.ended(execution)

    assert (ended["execution"], ended["error"]) == ("FAILED", "BadWork")
    assert [letter["error"] for letter in scene.dead_letters()] == ["BadWork"]
    assert "containerId" not in scene.claim(key)


def test_older_message_never_interrupts_newer_work(world: World) -> None:
    """A message that was late is superseded, and the work under way hears nothing of it."""
    key, scene = "engine#dan", world.scene
    execution = scene.send(key, "t1", "newer")
    work = world.taken("newer")
    late = scene.ended(scene.send(key, "t2", "late", messageTimestamp=time.time() - 3_600))
    claim = scene.claim(key)
    world.finish(work)

    assert (late["execution"], late["status"]) == ("SUCCEEDED", "superseded")
    assert late["holder"]["containerId"] == claim["containerId"] == work["containerId"]
    assert scene.received(scene.outputs["interrupt_queue_urls"]["dan"]) == []
    assert scene.ended(execution)["status"] == "done"


def test_container_without_a_queue_does_not_keep_newer_work_away(world: World) -> None:
    """Nobody hears the interrupt; the key is taken over all the same, once the grace is over."""
    key, scene = "engine#gone", world.scene
    older = scene.send(key, "t1", "deaf")
    deaf = world.taken("deaf")
    newer = scene.send(key, "t2", "heard")
    work = world.taken("heard")

    assert work["fence"] == deaf["fence"] + 1
    world.finish(deaf)  # too late for its key, which is not its own any more
    assert scene.ended(older)["execution"] == "SUCCEEDED"
    assert scene.claim(key)["containerId"] == work["containerId"]
    world.finish(work)
    assert scene.ended(newer)["status"] == "done"


def test_key_over_its_rate_is_refused_and_reported(world: World) -> None:
    """Over the limit an execution waits and tries again, and then fails with the reason."""
    key, scene = "engine#often", world.scene
    world.account.scale_waits(INSTANT)
    with world.environment("claim_job", RATE_LIMIT_CLAIMS="1", RATE_LIMIT_WINDOW_SECONDS="86400"):
        first = scene.send(key, "t1", "often-1")
        world.finish(world.taken("often-1"))
        scene.ended(first)
        second = scene.send(key, "t1", "often-2")
        ended = scene.ended(second)
    world.account.scale_waits(QUICK)

    assert (ended["execution"], ended["error"]) == ("FAILED", "RateLimited")
    assert [letter["error"] for letter in scene.dead_letters()] == ["RateLimited"]
    assert world.history(second).count("ClaimJob") == 5
    assert "containerId" not in scene.claim(key)


def test_message_without_a_thread_is_refused_and_writes_nothing(world: World) -> None:
    """Bad input ends before anything is claimed, and is reported."""
    key, scene = "engine#nobody", world.scene
    execution = scene.start("bad-input", {"projectUserId": key, "messageId": "bad-input"})
    ended = scene.ended(execution)

    assert ended["execution"] == "FAILED"
    (letter,) = scene.dead_letters()
    assert letter["input"]["messageId"] == "bad-input"
    assert scene.claim(key) == {}


def test_fifty_messages_at_once_never_give_one_key_to_two_workers(world: World) -> None:
    """Five keys, four threads each, three workers: every execution ends, and fences keep order."""
    scene, step = world.scene, ("--step-seconds", "0.02", "--most", "2")
    keys = [f"engine#{user}" for user in ("eve", *USERS)]  # eve has no queue
    with ExitStack() as stack:
        workers = [stack.enter_context(scene.worker(f"w{n}", *step)) for n in range(3)]
        started = {
            f"many-{n}": scene.send(keys[n % 5], f"t{n // 5 % 4}", f"many-{n}") for n in range(50)
        }
        ended = {message: scene.ended(execution) for message, execution in started.items()}
    lines = sorted((line for one in workers for line in one.lines), key=lambda line: line["at"])
    letters = scene.dead_letters()

    done = {message for message, end in ended.items() if end.get("status") == "done"}
    failed = {message for message, end in ended.items() if end["execution"] != "SUCCEEDED"}
    assert len(done) >= len(keys)
    assert {ended[message].get("error") for message in failed} <= {"KeyHeld"}
    assert {letter["input"]["messageId"] for letter in letters} == failed
    assert_one_owner(lines)
    texts: dict[str, list[str]] = {}
    for key in keys:
        assert "containerId" not in scene.claim(key)
        written = [line for line in scene.document(key)["lines"] if line["messageId"] in started]
        fences = [line["fence"] for line in written]
        assert fences == sorted(fences)
        for line in written:
            texts.setdefault(line["messageId"], []).append(line["text"])
    assert [texts.get(message) for message in done] == [list(STEPS)] * len(done)


def test_function_alone_answers_without_a_state_machine(world: World) -> None:
    """Claim, check, refresh, release: the functions stand alone, and hold to the fence."""
    about = {"projectId": "engine", "userId": "alone", "threadId": "t1"}
    owned = {"projectUserId": "engine#alone"}
    claim = world.invoke("claim_job", {**about, "messageId": "m1"})
    holder = owned | {"containerId": claim["containerId"], "fence": claim["fence"]}
    stale = holder | {"fence": claim["fence"] - 1}

    assert world.invoke("check_active_job", {**about, "threadId": "t2"})["shouldInterrupt"] is True
    assert world.invoke("refresh_claim", holder)["refreshed"] is True
    assert world.invoke("refresh_claim", stale)["refreshed"] is False
    assert world.invoke("release_claim", stale)["released"] is False
    assert world.invoke("release_claim", holder) == {"released": True}


def test_readme_commands_run_as_they_stand(world: World) -> None:
    """A message sent by the README's command is claimed; its other commands show what is there."""
    shell = world.root.env | consumer.cli_on_path()
    commands = {
        command.split()[1:3][-1]: command
        for command in re.findall(r"^aws (?:.+\\\n)*.+", README.read_text(), re.MULTILINE)
    }

    def run(name: str) -> Any:
        done = subprocess.run(
            ["bash", "-euc", commands[name]],
            check=True,
            capture_output=True,
            text=True,
            cwd=world.root.tfdir,
            env=shell,
        )
        return json.loads(done.stdout or "{}")

    execution = run("start-execution")["executionArn"]
    work = world.taken("message-1")
    held = run("get-item")["Item"]
    world.finish(work)

    assert world.scene.ended(execution)["status"] == "done"
    assert held["containerId"]["S"] == work["containerId"]
    assert run("scan")["Count"] > 0
    assert run("receive-message") == {}
    assert set(commands) == {"start-execution", "get-item", "scan", "receive-message"}


def test_invoke_command_asks_who_works(world: World, tmp_path: Path) -> None:
    """The command that the module outputs runs as it stands."""
    shell = world.root.env | consumer.cli_on_path()
    command = shlex.split(world.claims["invoke_command"])

    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, env=shell)

    assert json.loads((tmp_path / "response.json").read_text())["active"] is False


def test_metrics_are_read_back_under_the_deployment(world: World) -> None:
    """Every declared metric arrives in CloudWatch, under exactly its dimension."""
    for thread in ("first", "second"):  # who is refused is of no message above
        event = {"projectUserId": "engine#metrics", "threadId": thread, "messageId": thread}
        answer = world.invoke("claim_job", event)
    assert answer["claimed"] is False

    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)

    assert {metric["MetricName"] for metric in listed["Metrics"]} == set(DECLARED["metrics"])
    assert all(
        metric["Dimensions"] == [{"Name": "JobClaims", "Value": "agents-dev"}]
        for metric in listed["Metrics"]
    )


def test_alarms_tell_of_timeouts_and_failures(world: World) -> None:
    """Workers that died and executions that failed raise their alarms; the functions do well."""
    states = world.account.evaluate_alarms()

    raised = {
        name.removeprefix("agents-dev-") for name, state in states.items() if state == "ALARM"
    }
    assert {"timeouts", "executions-failed"} <= raised
    assert "executions-timed-out" not in raised
    assert not {name for name in raised if name.endswith("duration")}


def test_role_grants_are_the_calls_made(world: World) -> None:
    """Each function's role has what it has called, and no more; none was missed."""
    for name, told in world.claims["functions"].items():
        services = {
            (action, resource)
            for grant in world.claims["service_grants"][name]
            for action in grant["actions"]
            for resource in grant["resources"]
        }

        unused = world.account.unused_grants(told["role_name"]) - services
        assert (name, unused) == (name, set())
        assert (name, world.account.denied(told["role_name"])) == (name, set())


def test_state_machines_role_is_the_calls_made(world: World) -> None:
    """Its role invokes and sends, and has been refused nothing; its logs are the service's."""
    role = world.claims["state_machine"]["role_name"]
    unused = {
        action for action, _ in world.account.unused_grants(role) if not action.startswith("logs:")
    }

    assert unused == set()
    assert world.account.denied(role) == set()


def test_function_may_not_do_what_another_one_does(world: World) -> None:
    """A role a function: who checks cannot write, who sends interrupts cannot read claims."""
    table, key = world.claims["tables"]["active_jobs"]["name"], {"projectUserId": {"S": "a#b"}}

    def client(function: str) -> Any:
        role = world.function(function)["role_name"]
        return world.account.client("dynamodb", role=role)

    client("check_active_job").get_item(TableName=table, Key=key)
    for function in ("claim_job", "release_claim", "send_interrupt", "record_interruption"):
        with pytest.raises(ClientError, match="AccessDenied"):
            client(function).get_item(TableName=table, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        client("check_active_job").delete_item(TableName=table, Key=key)


def test_destroy_leaves_nothing(world: World) -> None:
    """What was applied is gone, to the last log group."""
    world.destroy()

    assert leftovers(world.account) == set()
