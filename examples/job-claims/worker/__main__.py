# ruff: noqa: INP001 - a program that a reader copies, not a package
"""
Write documents step by step, and never over newer work.

    python worker --work QUEUE_URL --interrupts QUEUE_TEMPLATE --documents TABLE

Takes work from its queue, sends heartbeats for what it has, looks for an interrupt before each
step, and commits each step with its fence: the table of documents refuses one that is stale.
Says what it does as JSON lines. Ends at SIGTERM, once it has done what it holds. Needs boto3.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
from documents import BusyError, Documents, StaleFenceError
from messages import TEN, Interrupts, Job

LEFT_S = 2  # until another may take what we left in the queue
# What Step Functions says of a token that nobody waits for: the job has timed out, or is done.
UNWANTED = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class Worker:
    """One process that works; several may take from one queue."""

    def __init__(self, settings: argparse.Namespace) -> None:
        """Make clients from the environment: an emulator and AWS are one code path."""
        self.name, self.work_url, self.most = settings.name, settings.work, settings.most
        self.look_s, self.step_s = settings.look_seconds, settings.step_seconds
        self.sqs, self.states = boto3.client("sqs"), boto3.client("stepfunctions")
        self.documents = Documents(boto3.client("dynamodb"), settings.documents, self.name)
        self.interrupts = Interrupts(self.sqs, settings.interrupts, self.look_s)
        self.held: dict[Job, int] = {}  # how many steps are done
        self.stopping = False

    def stop(self, *_: object) -> None:
        """Take nothing more."""
        self.stopping = True

    def run(self) -> None:
        """Work until told to stop: a step of each job in turn, so that heartbeats go out."""
        self.say("ready")
        while self.held or not self.stopping:
            if not self.stopping and len(self.held) < self.most:
                self.take()
            for job in list(self.held):
                self.advance(job)
        self.say("ends")

    def take(self) -> None:
        """Receive work. While it waits in the queue nobody sends heartbeats for it."""
        received = self.sqs.receive_message(
            QueueUrl=self.work_url,
            MaxNumberOfMessages=min(TEN, self.most - len(self.held)),
            WaitTimeSeconds=0 if self.held else self.look_s,
        )
        for message in received.get("Messages", []):
            about = {"QueueUrl": self.work_url, "ReceiptHandle": message["ReceiptHandle"]}
            if self.takes(Job.parse(message["Body"])):
                # From here on it is the heartbeat that tells whether somebody works, not SQS.
                self.sqs.delete_message(**about)
            else:
                self.sqs.change_message_visibility(**about, VisibilityTimeout=LEFT_S)

    def takes(self, job: Job) -> bool:
        """Take a job up; False where its message is to stay in the queue."""
        if job in self.held or not self.tells("send_task_heartbeat", job):
            return True  # a second delivery, or a job that nobody waits for any more
        if job.steps is None:
            self.fails(job, "BadWork", "payload.steps is not a list of texts")
            return True
        try:
            self.documents.open(job)
        except BusyError as busy:
            self.say("leaves", job, why=str(busy))
            return False
        except StaleFenceError as stale:
            self.fails(job, "StaleFence", str(stale))
        else:
            self.held[job] = 0
            self.say("takes", job)
        return True

    def advance(self, job: Job) -> None:
        """Do one step of *job*, unless it is done, or there is an interrupt."""
        done, steps = self.held[job], job.steps or ()
        if done == len(steps):
            self.finishes(job)
        elif order := self.interrupts.of(job):
            self.fails(job, "Interrupted", f"by message {order['interruptingMessageId']}")
        elif self.tells("send_task_heartbeat", job):
            self.say("works", job, step=done)
            time.sleep(self.step_s)  # the work itself, or a pause of the whole machine
            try:
                self.documents.commit(job, done, steps[done])
            except (StaleFenceError, BusyError) as refusal:
                self.fails(job, "StaleFence", str(refusal))
            else:
                self.held[job] += 1
                self.say("commits", job, step=done)

    def finishes(self, job: Job) -> None:
        """Tell that the work is done; the state machine then gives the key back."""
        output = json.dumps({"worker": self.name, "steps": len(job.steps or ())})
        if self.tells("send_task_success", job, output=output):
            self.say("finishes", job)
            self.lets_go(job)

    def fails(self, job: Job, error: str, cause: str) -> None:
        """Tell why the work ends here."""
        self.say(error, job, why=cause)
        self.lets_go(job)
        self.tells("send_task_failure", job, error=error, cause=cause)

    def lets_go(self, job: Job) -> None:
        """Hold *job* no longer, and close its document unless another of its thread is at it."""
        if self.held.pop(job, None) is None:
            return
        if all((other.key, other.fence) != (job.key, job.fence) for other in self.held):
            self.documents.close(job)

    def tells(self, operation: str, job: Job, **what: str) -> bool:
        """Tell Step Functions something of *job*; drop the job where nobody waits for it."""
        try:
            getattr(self.states, operation)(taskToken=job.token, **what)
        except ClientError as error:
            if error.response["Error"]["Code"] not in UNWANTED:
                raise
            self.say("unwanted", job)
            self.lets_go(job)
            return False
        return True

    def say(self, event: str, job: Job | None = None, **more: object) -> None:
        """Print what happens."""
        line: dict[str, Any] = {"at": time.time(), "worker": self.name, "event": event, **more}
        if job:
            line |= {"key": job.key, "messageId": job.message_id, "threadId": job.thread_id}
            line |= {"containerId": job.container_id, "fence": job.fence}
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()


def main() -> None:
    """Read the command line, and work."""
    parser = argparse.ArgumentParser(prog="worker", description="Work on jobs that are claimed.")
    parser.add_argument("--work", required=True, help="URL of the queue of work")
    parser.add_argument("--interrupts", required=True, help="how a queue of interrupts is called")
    parser.add_argument("--documents", required=True, help="name of the table of documents")
    parser.add_argument("--name", default=f"worker-{os.getpid()}", help="of this process alone")
    parser.add_argument("--most", type=int, default=TEN, help="jobs held at once")
    parser.add_argument("--step-seconds", type=float, default=1.0, help="that a step takes")
    parser.add_argument("--look-seconds", type=int, default=1, help="to wait for messages, 0 to 20")
    worker = Worker(parser.parse_args())
    signal.signal(signal.SIGTERM, worker.stop)
    worker.run()


if __name__ == "__main__":
    main()
