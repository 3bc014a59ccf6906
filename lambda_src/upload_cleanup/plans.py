"""
Write down which objects a run may delete, so that a restore finds them again.

Calls: s3:PutObject in the audit bucket; s3:ListBucketVersions where the bucket is versioned and
restore is on, because a listing of objects names no versions.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from expiry.parallel import in_parallel
from upload_cleanup.audit import Planned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from expiry.objects import ObjectCandidate
    from expiry.versions import Version, Versions
    from upload_cleanup.context import Context

FEW = 20  # of one folder: so many are asked for one by one


def plan_objects(context: Context, candidates: Sequence[ObjectCandidate]) -> None:
    """
    Put *candidates* into the run's plan; call it before the delete.

    Raises:
        StoreError: The plan is not certain to be there, so nothing of it may be deleted.
    """
    if context.trail.store is None or not candidates:
        return
    ids: dict[str, str] = {}
    if context.versions is not None:
        ids = _version_ids(context, context.versions, {each.key: each.etag for each in candidates})
    context.trail.plan(Planned.of(each, version_id=ids.get(each.key)) for each in candidates)


def hold_objects(
    context: Context,
    candidates: Sequence[ObjectCandidate],
    first_s: Callable[[ObjectCandidate], float | None],
) -> None:
    """
    Put *candidates* into the plan as held: they wait for a second sighting, this run leaves them.

    Raises:
        StoreError: It is not certain to be there.
    """
    context.trail.plan(
        Planned.of(each, goes=False, first_seen_s=first_s(each)) for each in candidates
    )


def _version_ids(context: Context, versions: Versions, etags: dict[str, str]) -> dict[str, str]:
    """
    Return the version of each key that has its ETag now; one that has changed is left out.

    Makes at most two calls a key, and far fewer where many lie in one folder.
    """
    found: dict[str, str] = {}

    def look(key: str) -> None:
        for page in versions.list(key):
            found.update(_matching(page, {key: etags[key]}))
            if page:  # the key itself comes first of all that begin so, its latest version first
                return

    singly: list[str] = []
    for folder, group in groupby(sorted(etags), key=_folder):
        keys = set(group)
        if len(keys) > FEW:
            found |= _in_folder(versions, folder, {key: etags[key] for key in keys})
        singly += sorted(keys - found.keys())
    work = [partial(look, key) for key in singly]
    in_parallel(work, threads=context.settings.threads, budget=context.budget)
    return dict(found)


def _in_folder(versions: Versions, folder: str, etags: dict[str, str]) -> dict[str, str]:
    """Read a folder's versions, but no more pages than keys: old versions may be many."""
    found: dict[str, str] = {}
    last = max(etags)
    for number, page in enumerate(versions.list(folder), start=1):
        found |= _matching(page, etags)
        past = any(version.key > last for version in page)
        if past or len(found) == len(etags) or number >= len(etags):
            break
    return found


def _matching(page: Collection[Version], etags: dict[str, str]) -> dict[str, str]:
    return {
        each.key: each.version_id
        for each in page
        if each.latest and not each.marker and etags.get(each.key) == each.etag
    }


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]
