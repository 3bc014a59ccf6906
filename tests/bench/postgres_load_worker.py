"""
An application at work: a few clients that read a row and renew another, at a steady rate.

Told on standard input when to begin and to end to count, it writes what each transaction took, in
milliseconds. A transaction's time begins when it was due, so that waiting counts.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time

import psycopg

CLIENTS = 4
PER_SECOND = 75  # of each client
ROWS = int(os.environ.get("ROWS", "1000000"))


def client(number: int, stop: threading.Event, times: list[tuple[float, float]]) -> None:
    """Work until told to stop; note when each transaction was due, and how long it took."""
    chance = random.Random(number)
    with psycopg.connect("", autocommit=True, sslmode="disable") as connection:
        due_s = time.perf_counter()
        while not stop.is_set():
            due_s += 1 / PER_SECOND
            time.sleep(max(0.0, due_s - time.perf_counter()))
            with connection.transaction():
                read, renewed = (chance.randrange(1, ROWS + 1) for _ in range(2))
                connection.execute("select payload from tokens where id = %s", [read])
                connection.execute(
                    "update tokens set expires_at = expires_at + 86400 where id = %s", [renewed]
                )
            times.append((due_s, time.perf_counter() - due_s))


def main() -> None:
    """Work between two lines of standard input, and report."""
    stop = threading.Event()
    times: list[tuple[float, float]] = []
    threads = [threading.Thread(target=client, args=(n, stop, times)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # connections are made and warm
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began_s = time.perf_counter()
    sys.stdin.readline()
    ended_s = time.perf_counter()
    stop.set()
    for thread in threads:
        thread.join()
    counted = [took * 1000 for due, took in times if began_s <= due <= ended_s]
    sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    main()
