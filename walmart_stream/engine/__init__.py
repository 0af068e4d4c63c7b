"""The mends and speed-ups of Faust. Nothing else knows Faust's internals.

As it comes, Faust 0.15.3 can lose messages. :mod:`reliance` names everything that the mends below
rely on and checks the version; `tests/engine/` has a regression test for each. How batches are
delivered is explained in docs/batch-delivery.md.

================================  ==============================================================
what goes wrong in Faust          what this package does, and where
================================  ==============================================================
an exception acknowledges the     acknowledging is ours alone: a batch is done when its handler
message that raised               returned; what it raises ends the process (:mod:`agent`,
                                  :mod:`consumer`)
a commit passes a message that    offsets are committed up to the first batch that is not done
is still in flight (#606)         (``runtime/partitions.py``: ``committable``)
a failed commit is remembered     what is committed is noted after the broker said so
as done (#316)                    (:mod:`consumer`: ``_commit_offsets``)
aiokafka moves a position that    it never chooses one: the last record read is proven again, and a
a log does not have, silently     log that lost its end is read again (``runtime/partitions.py``)
a table trusts the offset that    it keeps a digest of the last record, which is proven likewise,
it had, whatever was cut since    and forgets what is too old (:mod:`tables`, :mod:`recovery`)
partitions resume before they     they are sought first, and queues are not cleared while flow
are sought after a rebalance,     is active (:mod:`recovery`, :mod:`consumer`: ``perform_seek``,
fetched messages are dropped      :class:`app.SteadyFlow`)
(#596)
partitions without a commit are   they are sought to their beginning (:mod:`consumer`)
not rewound by a seek
acknowledged offsets of revoked   agents finish, then a commit, then the bookkeeping goes
partitions are forgotten (#502)   (:mod:`consumer`: ``on_partitions_revoked``)
nobody can wait for a changelog   table writes are awaited (:mod:`tables`)
the last of two changelog         the newest value of a key wins, whoever wrote last
values wins, though a zombie      (:mod:`tables`)
wrote it
recovery trusts ListOffsets,      end offsets come from a fetch's high watermark
which the embedded broker         (:mod:`consumer`: ``highwaters``)
answers short
stalls are only logged (#175,      they end the process (:mod:`watchdog`)
#176, #523)
a batch that cannot be unpacked   it is named and its partition set apart
ends who reads it, at each start  (``runtime/unpacking.py``, :mod:`consumer`: ``_set_apart``)
partitions that somebody added    they are not assigned (:mod:`assignor`)
are assigned
aiokafka's errors in the group    the client is asked for them every second, and they end the
reach only who waits for a        process (:mod:`fetching`: ``_check``)
record just then
a full queue blocks every topic   partitions with batches in flight are not fetched
                                  (:mod:`consumer`: ``_getmany``)
================================  ==============================================================

Faust's own acknowledgements (``Consumer.ack``) are switched off for topics delivered in batches.
"""

from __future__ import annotations

from walmart_stream.engine import reliance

reliance.check()
