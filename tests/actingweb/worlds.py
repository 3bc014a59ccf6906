"""
One scene in three copies of a store: what ActingWeb can use of it, what ours leaves, and its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.actingweb.library import Library
from tests.actingweb.scene import Scene

if TYPE_CHECKING:
    from tests.actingweb.conftest import Deployment


@dataclass(frozen=True, slots=True)
class World:
    """How the scene ended, after ours and after ActingWeb's own cleanup."""

    scene: Scene
    before: dict[str, str]  # what each credential was worth
    after: dict[str, str]  # and is worth after our run
    dry: dict[str, Any]  # what our runs said
    dry_gone: set[str]
    ours: dict[str, Any]
    ours_gone: set[str]
    again: dict[str, Any]
    again_gone: set[str]
    peers: dict[str, Any]
    peers_gone: set[str]

    @property
    def useless(self) -> set[str]:
        """Return the labels of the rows of credentials that ActingWeb could do nothing with."""
        worthless = {label for label, worth in self.before.items() if not worth}
        labels = self.scene.labels.values()
        return {label for label in labels if label.rpartition(" | ")[0] in worthless}


def played(deployment: Deployment, *, daily_job: bool = False) -> World:
    """
    Store the scene, copy it, and let each of the two clean up a copy of its own.

    Where there is a *daily_job* for what is past its TTL, ActingWeb's cleanup is followed by it.
    """
    store, run = deployment.store, deployment.run
    library, scene = Library(deployment.backend), Scene()
    scene.build(library, store)
    worth, peer = store.copy(), store.copy()
    dry = run(store, {"dryRun": True})
    dry_gone = scene.gone(store)
    ours = run(store, {})
    ours_gone = scene.gone(store)
    again = run(store, {})
    again_gone = scene.gone(store)
    before, after = (scene.answers(library, each) for each in (worth, store.copy()))

    peer.use()
    said = library.clean_up()
    if daily_job:
        peer.drop_expired()
    return World(
        scene=scene,
        before=before,
        after=after,
        dry=dry,
        dry_gone=dry_gone,
        ours=ours,
        ours_gone=ours_gone,
        again=again,
        again_gone=again_gone,
        peers=said,
        peers_gone=scene.gone(peer),
    )
