"""The bolt file format as a small storage engine.

A bolt file holds buckets; a bucket holds keys with values and further buckets, in the order of the keys'
bytes. `Database.open` locks and opens a file, `Database.view` and `Database.update` begin a transaction,
and a `Transaction` gives its `Bucket` objects. One transaction sees one state of the file; a write
transaction becomes visible whole, or not at all. Files can be exchanged with bolt and bbolt in both
directions, also while other programs wait for the file lock.

Layers, from the file up: `layout` (what a page looks like), `lock` (who may open the file), `freepages`
(which pages can be given out), `nodes` (pages as lists of keys), `tree` (growing and shrinking a bucket's
pages), `bucket`, `transaction`, `database`, and beside them `check` (is every page where it belongs).
"""

from __future__ import annotations

from libpod.boltdb.bucket import Bucket
from libpod.boltdb.database import Database
from libpod.boltdb.transaction import Transaction

__all__ = ["Bucket", "Database", "Transaction"]
