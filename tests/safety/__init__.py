"""
Proof that upload cleanup deletes nothing that is alive, wherever it is interrupted.

``world`` scripts sessions and objects, ``wire`` stands between a run and its stores, ``drive``
starts runs. Everything runs on the embedded cloud, whose conditions are real.
"""
