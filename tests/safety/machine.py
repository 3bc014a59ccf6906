"""
An obedient application and the cleanup, in any order, beside a model of what must be there.

The model knows only what the application was told: which sessions it may still use, and which are
done. It shares nothing with the cleanup's rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from expiry.errors import ExpiryError
from tests.safety.application import Application
from tests.safety.drive import STEP_S, run, runs
from tests.safety.faults import KINDS, BadDay
from tests.safety.stage import HOUR_S, Stage, key_of
from tests.safety.wire import Call, KilledError, Wire
from tests.safety.world import KEPT, build, snapshot

if TYPE_CHECKING:
    from tests.safety.stage import Clients

BYSTANDER = KEPT[0]
MOST_SESSIONS = 4
MOST_CALLS = 32  # about what a run of this machine makes
MARGIN_S = 120  # a presigned URL ends so much before its session does
GRACE_S = 24 * HOUR_S
CLEAN_RUNS = 3

sessions = st.integers(0, MOST_SESSIONS - 1)
call_numbers = st.integers(0, MOST_CALLS)


@dataclass
class Known:
    """What the application knows of a session."""

    ttl_s: float
    multipart: bool
    put: bool = False  # its object is there
    assembled: bool = False
    done: bool = False  # and nothing may ever take it away


class Machine(RuleBasedStateMachine):
    """The steps; each is followed by a look at everything that must be there."""

    clients: ClassVar[Clients]

    @initialize()
    def begin(self) -> None:
        """Begin with one session that is done, so that the table is known to be the right one."""
        self.stage = Stage(self.clients)
        self.application = Application(self.stage)
        self.known: dict[int, Known] = {}
        self.strays: dict[str, float] = {}  # an object put without its row → when
        self.runs = 0
        build(self.stage, (BYSTANDER,))
        self.create(0, 0, multipart=False)
        self.put(0)
        self.create(1, 2, multipart=True)

    # The application

    @rule(number=sessions, multipart=st.booleans(), parts=st.integers(0, 2))
    def create(self, number: int, parts: int, *, multipart: bool) -> None:
        """Create a session once; of its id there is never another."""
        if number in self.known:
            return
        name, about = self.name(number), {}
        if multipart:
            upload_id = self.stage.begin(name, key_of(name), parts=parts, age_h=0)
            about = {"uploadType": "multipart", "s3UploadId": upload_id}
        self.application.create(name, ttl=self.stage.at(1), createdAt=self.stage.iso(0), **about)
        self.known[number] = Known(self.stage.now_s + HOUR_S, multipart)

    @rule(number=sessions)
    def put(self, number: int) -> None:
        """Put an object while its presigned URL is good."""
        known = self.known.get(number)
        if known and not known.multipart and self.in_time(known):
            known.put = self.application.put(self.name(number))

    @rule(number=sessions)
    def put_without_row(self, number: int) -> None:
        """Put an object that took its time, when TTL or a run has taken the row away."""
        name = self.name(number)
        if number in self.known and name not in self.stage.rows():
            self.application.put(name)
            self.strays[key_of(name)] = self.stage.now_s

    @rule(number=sessions)
    def land_part(self, number: int) -> None:
        """Let a part land."""
        known = self.known.get(number)
        if known and known.multipart and not known.assembled:
            self.application.late_part(self.name(number))

    @rule(number=sessions)
    def renew(self, number: int) -> None:
        """Ask for more time."""
        known = self.known.get(number)
        if known and not known.done and self.application.renew(self.name(number)):
            known.ttl_s = self.stage.now_s + HOUR_S

    @rule(number=sessions)
    def complete(self, number: int) -> None:
        """Say that it is done; the multipart upload is assembled first, and the ttl may stay."""
        known = self.known.get(number)
        if known is None or known.done:
            return
        name = self.name(number)
        if known.multipart and not known.assembled and self.has_parts(name):
            known.assembled = known.put = self.application.assemble(name)
        # What was put long ago may have gone with the session's time: then the row has, too.
        say = self.application.complete_only if number % 2 else self.application.complete
        if known.put and say(name):
            known.done = True

    # Time

    @rule(hours=st.sampled_from([0.3, 1.2, 1.2, 26.0]))
    def pass_time(self, hours: float) -> None:
        """Let time pass."""
        self.stage.advance(hours * HOUR_S)

    # The cleanup

    @rule()
    def clean(self) -> None:
        """Run in peace."""
        self.run_through(Wire())

    @rule()
    def dry_run(self) -> None:
        """Run dry: nothing changes."""
        before, wire = snapshot(self.stage), Wire()

        self.run_through(wire, event={"dryRun": True})

        assert wire.writes() == []
        assert snapshot(self.stage) == before

    @rule(call=call_numbers, after=st.booleans())
    def killed(self, call: int, *, after: bool) -> None:
        """Run, and die at a call if there are so many."""
        try:
            self.run_through(Wire(die_at=call, die_after=after))
        except KilledError:
            self.runs += 1

    @rule(
        faults=st.dictionaries(call_numbers, st.sampled_from(sorted(KINDS)), max_size=4),
        empty_pages=st.booleans(),
    )
    def bad_day(self, faults: dict[int, str], *, empty_pages: bool) -> None:
        """Run on stores that refuse, forget to answer, and send empty pages."""
        try:
            self.run_through(Wire(disturb=BadDay(faults, empty_pages)))
        except ExpiryError:
            self.runs += 1

    @rule(
        call=call_numbers,
        number=sessions,
        step=st.sampled_from(["put", "renew", "complete", "land_part", "put_without_row"]),
        late=st.booleans(),
    )
    def interrupted(self, call: int, number: int, step: str, *, late: bool) -> None:
        """Run, soon or after the sessions' time, and let the application in before a call."""
        self.stage.advance(1.2 * HOUR_S if late else 0)

        def before(made: Call) -> None:
            if made.number == call:
                getattr(self, step)(number)

        self.run_through(Wire(before=before))

    # What must hold

    @invariant()
    def living_are_there(self) -> None:
        """Ask for every session that is done or not yet expired, with all that belongs to it."""
        rows, objects, uploads = (
            self.stage.rows(),
            self.stage.objects(),
            self.stage.open_uploads(),
        )
        for number, known in self.known.items():
            name = self.name(number)
            if not known.done and known.ttl_s <= self.stage.now_s:
                continue
            assert name in rows, "session lost"
            assert not known.done or rows[name]["status"] == {"S": "uploaded"}
            assert not known.put or key_of(name) in objects, "object lost"
            upload = known.multipart and not known.assembled
            assert not upload or name in uploads, "upload lost"
        for key, put_s in self.strays.items():
            assert self.stage.now_s - put_s > GRACE_S or key in objects, "young object lost"

    def teardown(self) -> None:
        """When everything else is long over, nothing of it is left."""
        self.stage.advance(200 * HOUR_S)
        runs(self.stage, CLEAN_RUNS)
        done = {self.name(number) for number, known in self.known.items() if known.done}

        assert set(self.stage.rows()) == done | {BYSTANDER.name}
        assert set(self.stage.objects()) == {key_of(name) for name in done | {BYSTANDER.name}}
        assert self.stage.open_uploads() == set()
        self.living_are_there()

    # How

    @staticmethod
    def name(number: int) -> str:
        """Name a session."""
        return f"session-{number}"

    def in_time(self, known: Known) -> bool:
        """Say whether the application would still sign a URL, or use one."""
        return not known.done and self.stage.now_s < known.ttl_s - MARGIN_S

    def has_parts(self, name: str) -> bool:
        """Say whether there is an upload with something to assemble."""
        if name not in self.stage.open_uploads():
            return False
        about = {"Bucket": self.stage.name, "Key": key_of(name)}
        listed = self.clients.s3.list_parts(**about, UploadId=self.stage.uploads[name])
        return bool(listed.get("Parts"))

    def run_through(self, wire: Wire, **options: Any) -> None:
        """Run with an id of its own."""
        self.runs += 1
        run(self.stage, wire, run_id=f"run-{self.runs}", **options)
        self.stage.advance(STEP_S / 100)
