"""
Stand between a run and its server: count requests, die at one, let a writer in before one.

It speaks PostgreSQL's protocol on a loopback port of its own, so whatever the client sends is
seen: statements, BEGIN and COMMIT alike. Once dead, nothing goes through any more, so the
database is left just as a killed process would leave it. ``test_postgres_wire`` holds it to that.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.postgres.database import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tests.postgres.database import Database

CHUNK_BYTES = 1 << 16
POLL_S = 0.2
PARSE, BIND, QUERY, SYNC, READY = b"P", b"B", b"Q", b"S", b"Z"
EXTENDED = frozenset({PARSE, BIND, b"D", b"E", b"C"})  # these wait for a Sync
CUT = b"\0cut"
WRITES = re.compile(
    r"\b(delete\s+from|insert\s+into|merge\s+into|update\s+\S+\s+set|for(\s+no\s+key)?\s+update"
    r"|truncate|create|alter|drop)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends before it waits for an answer."""

    number: int  # from 0, over all connections
    connection: int  # from 0
    text: str  # all SQL in it

    @property
    def writes(self) -> bool:
        """Say whether it may change a row, or lock one as if it would; a plan does neither."""
        return bool(WRITES.search(self.text)) and not self.text.startswith("explain")


Rewrite = Callable[[str], str]
"""Takes the text of a statement, returns the one that the server gets."""


def unchanged(text: str) -> str:
    """Rewrite nothing."""
    return text


@dataclass
class Wire:
    """A way to a server. Use ``with``: it listens on :attr:`port` until the end."""

    target: Database
    die_at: int | None = None
    die_after: bool = False  # after the request took effect, before its answer came
    comes_back: bool = False  # dies as a connection does: the next one goes through
    before: Callable[[Request], None] = lambda _: None  # a writer's chance
    rewrite: Rewrite = unchanged
    requests: list[Request] = field(default_factory=list)
    dead: bool = False
    faults: list[BaseException] = field(default_factory=list)  # of ``before``
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _connections: int = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no longer, and end what is open; what ``before`` raised is raised here."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()
        if self.faults and error is None:
            raise self.faults[0]

    def texts(self) -> list[str]:
        """Return what was sent."""
        return [request.text for request in self.requests]

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.dead:
                client.close()
                continue
            relay = Relay(self, client, self._connections)
            self._connections += 1
            self._threads.append(threading.Thread(target=relay.serve, daemon=True))
            self._threads[-1].start()

    def admit(self, connection: int, text: str) -> tuple[bool, bool]:
        """Note a request; say whether it goes through, and whether its answer does."""
        with self._lock:
            if self.dead:
                return False, False
            request = Request(len(self.requests), connection, text)
            self.requests.append(request)
            dies = request.number == self.die_at
            if dies and not self.comes_back:
                self.dead = True
            if dies and not self.die_after:
                return False, False
            try:
                self.before(request)
            except BaseException as error:  # noqa: BLE001 - a thread's; raised at the end
                self.faults.append(error)
                return False, False
            return True, not dies

    @property
    def ended(self) -> bool:
        """Say whether nobody listens any more."""
        return self._ended.is_set()


class Relay:
    """One connection on its way."""

    def __init__(self, wire: Wire, client: socket.socket, number: int) -> None:
        """Take the client's end, and open the server's."""
        self.wire, self.client, self.number = wire, client, number
        self.answered = True  # False: the answer is swallowed, and then both ends are closed
        self.started = False
        self.text: list[str] = []  # of the request that is on its way
        self.prepared: dict[bytes, str] = {}

    def serve(self) -> None:
        """Pass everything on until one side ends, or this one's turn to die comes."""
        with self.client, contextlib.suppress(OSError):
            target = self.wire.target
            with socket.create_connection((target.host, target.port)) as self.server:
                for end in (self.client, self.server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pass_on()

    def _pass_on(self) -> None:
        asked = answered = b""
        while not self.wire.ended:
            if self.wire.dead and self.answered:
                return
            for ready in select.select([self.client, self.server], [], [], POLL_S)[0]:
                data = ready.recv(CHUNK_BYTES)
                if not data:
                    return
                if ready is self.client:
                    asked = self._forward(asked + data)
                else:
                    answered = self._answer(answered + data)
                if asked is CUT or answered is CUT:
                    return

    def _forward(self, data: bytes) -> bytes:
        """Send whole requests on; return what is not whole yet."""
        if not self.started:  # the first message has no kind, and nothing before it is counted
            if len(data) < 4 or len(data) < struct.unpack("!I", data[:4])[0]:
                return data
            self.started = True
            self.server.sendall(data)
            return b""
        burst: list[tuple[bytes, bytes]] = []
        for kind, body in messages(data):
            burst.append((kind, body))
            if kind in EXTENDED:
                continue
            data = data[sum(5 + len(each) for _, each in burst) :]
            sent = b"".join(self._rewritten(*message) for message in burst)
            burst = []
            if kind in (SYNC, QUERY):
                text, self.text = "; ".join(dict.fromkeys(self.text)), []
                passes, self.answered = self.wire.admit(self.number, text)
                if not passes:
                    return CUT
            self.server.sendall(sent)
        return data

    def _rewritten(self, kind: bytes, body: bytes) -> bytes:
        """Return the message as it goes on, and note its SQL."""
        if kind == QUERY:
            changed = self.wire.rewrite(body[:-1].decode())
            self.text.append(changed)
            body = changed.encode() + b"\0"
        elif kind == PARSE:
            name, statement, rest = body.split(b"\0", 2)
            changed = self.prepared[name] = self.wire.rewrite(statement.decode())
            self.text.append(changed)
            body = b"\0".join((name, changed.encode(), rest))
        elif kind == BIND:
            _, name, _ = body.split(b"\0", 2)
            self.text.append(self.prepared[name])
        return kind + struct.pack("!I", len(body) + 4) + body

    def _answer(self, data: bytes) -> bytes:
        if self.answered:
            self.client.sendall(data)
            return b""
        for kind, body in messages(data):
            data = data[5 + len(body) :]
            if kind == READY:
                return CUT
        return data


def messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and body of each whole message."""
    while len(data) >= 5:
        length = struct.unpack("!I", data[1:5])[0] + 1
        if len(data) < length:
            return
        yield data[:1], data[5:length]
        data = data[length:]
