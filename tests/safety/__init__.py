"""
Proof that no cleanup deletes what is alive, wherever it is interrupted.

``world`` scripts what there is, ``wire`` stands between a run and its stores, ``drive`` starts
runs: by themselves for uploads, with ``index_`` and ``postgres_`` before them for the others.
Everything runs on stores whose conditions are real: the embedded cloud, and PostgreSQL.
"""
