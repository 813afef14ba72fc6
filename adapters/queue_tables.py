"""The tables by which the queue is kept going: who leads, and whose turn it is."""

from sqlalchemy import BigInteger, Column, Index

from adapters.access_tables import ACTOR_LENGTH
from adapters.database import Timestamp
from adapters.declarations import Rows, identifier, key, required, table, words

batch_turns = table(
    "batch_turns",
    Rows(
        "A batch that waits for its turn, or had one lately.",
        of="batch",
        kept="batches",
        web="INSERT UPDATE",
        worker="SELECT INSERT UPDATE",
        reconciler="INSERT UPDATE",
    ),
    key("batch_id", words(64)),
    required(
        "actor",
        identifier(ACTOR_LENGTH),
        doc="who submitted it; empty where nobody has to say who they are",
    ),
    Column("served_at", Timestamp, doc="its latest turn"),
    Column(
        "first_id", BigInteger, doc="no run of it before this one waits; null: none does at all"
    ),
    Index("ix_batch_turns_actor", "actor", "served_at"),
)

leases = table(
    "leases",
    Rows("Which reconciler leads.", of="platform", worker="SELECT", reconciler="INSERT UPDATE"),
    key("name", identifier(32)),
    required("holder", identifier(64)),
    required("until", Timestamp),
    Column("since", Timestamp, doc="since when there was a holder at every moment"),
    Column("image_tag", identifier(128), doc="of the holder: the version of which new Jobs are"),
)
LEASE = leases.c
