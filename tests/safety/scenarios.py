"""What applications do while a run is under way."""

from __future__ import annotations

from tests.safety.race import (
    NAME,
    OTHER_RUN,
    Scenario,
    always_done_for_good,
    always_session_and_object,
    claim_is_the_others,
    done_for_good,
    kept_when_seen,
    nothing_is_left,
    object_survives,
    put_survives_the_run,
    session_and_object,
    session_and_upload,
    upload_kept_when_part_seen,
    upload_kept_when_session_seen,
)
from tests.safety.world import LIVING, MULTIPART, OLD_H, Case

EXPIRED_SINGLE = Case(NAME, object_h=OLD_H)
EXPIRED_EMPTY = Case(NAME)
EXPIRED_MULTIPART = Case(NAME, row=MULTIPART, parts=2)
STUCK = Case(NAME, row={**MULTIPART, **LIVING}, parts=2)
ORPHAN_UPLOAD = Case(NAME, row=None, parts=1)
ORPHAN = Case(NAME, row=None, object_h=OLD_H)

OBEDIENT = (
    Scenario(
        "renews a session", EXPIRED_SINGLE, (lambda app: app.renew(NAME),), session_and_object
    ),
    Scenario(
        "renews a multipart session",
        EXPIRED_MULTIPART,
        (lambda app: app.renew(NAME),),
        session_and_upload,
    ),
    Scenario(
        "completes, and forgets the ttl",
        EXPIRED_SINGLE,
        (lambda app: app.complete_only(NAME),),
        done_for_good,
    ),
    Scenario(
        "completes a single upload",
        EXPIRED_SINGLE,
        (lambda app: app.complete(NAME),),
        done_for_good,
    ),
    Scenario(
        "completes a multipart upload",
        EXPIRED_MULTIPART,
        (lambda app: app.assemble(NAME), lambda app: app.complete(NAME)),
        done_for_good,
    ),
    Scenario(
        "renews a session, then uploads again",
        EXPIRED_SINGLE,
        (lambda app: app.renew(NAME) and app.put(NAME),),
        session_and_object,
    ),
    Scenario(
        "lands a late part in a living upload, and completes it, begun before the cutoff",
        STUCK,
        (
            lambda app: app.late_part(NAME),
            lambda app: app.assemble(NAME) and app.complete_only(NAME),
        ),
        always_done_for_good,
    ),
    Scenario("overwrites an orphan", ORPHAN, (lambda app: app.put(NAME),), object_survives),
    Scenario(
        "creates a session where an orphan lies, and uploads",
        ORPHAN,
        (lambda app: app.create(NAME), lambda app: app.put(NAME)),
        always_session_and_object,
    ),
    Scenario(
        "puts with an old URL, over an object",
        EXPIRED_SINGLE,
        (lambda app: app.put(NAME),),
        put_survives_the_run,
    ),
    Scenario(
        "puts with an old URL, the first object",
        EXPIRED_EMPTY,
        (lambda app: app.put(NAME),),
        put_survives_the_run,
    ),
)

LATE_PART = Scenario(
    "lands a late part in a dead upload",
    EXPIRED_MULTIPART,
    (lambda app: app.late_part(NAME),),
    nothing_is_left,
)

SEEN_IN_TIME = (
    Scenario(
        "adopts an orphaned upload",
        ORPHAN_UPLOAD,
        (lambda app: app.adopt(NAME),),
        upload_kept_when_session_seen,
    ),
    Scenario(
        "lands a part in an orphaned upload",
        ORPHAN_UPLOAD,
        (lambda app: app.late_part(NAME),),
        upload_kept_when_part_seen,
    ),
    Scenario(
        "creates a session where an orphan lies",
        ORPHAN,
        (lambda app: app.create(NAME),),
        kept_when_seen,
        environment={"PROTECT_TAG": "keep"},  # a reading between the two of sessions
    ),
    Scenario(
        "renews without a condition",
        EXPIRED_SINGLE,
        (lambda app: app.renew(NAME),),
        kept_when_seen,
        obedient=False,
    ),
)

JUST_PUT = Scenario(
    "put a moment ago, completes without a condition",
    Case(NAME, object_h=0.05),
    (lambda app: app.complete_only(NAME),),
    always_done_for_good,
    obedient=False,
)

OTHER_CLEANUP = Scenario(
    "is another run that takes the claim over",
    EXPIRED_SINGLE,
    (lambda app: app.take_over(NAME, OTHER_RUN),),
    claim_is_the_others,
)

DISOBEDIENT = (
    Scenario(
        "puts, and completes without a condition",
        EXPIRED_EMPTY,
        (lambda app: app.put(NAME), lambda app: app.complete_only(NAME)),
        always_done_for_good,
        obedient=False,
    ),
    Scenario(
        "assembles, and completes without a condition",
        EXPIRED_MULTIPART,
        (lambda app: app.assemble(NAME), lambda app: app.complete_only(NAME)),
        # Where the upload was aborted first there is no object, and the application knows it.
        done_for_good,
        obedient=False,
    ),
)
