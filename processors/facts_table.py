"""The Faust table of facts: RocksDB below, changelog and recovery by Faust, written in batches.

Faust's own table sends one changelog message for each item set, at 0.1 to 0.2 ms each. This one leaves the changelog to
the worker's outputs, which write it in batches beside the public topics, and takes part in everything else: its
partitions move with the receipts', and it is recovered from the changelog. See docs/decisions/0005-a-table-in-batches.md.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.stores import rocksdb
from faust.types import TP
from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch
from yarl import URL

from processors.facts import MessageFacts, join
from processors.kafka_transport import FAUST_LOG
from runtime.metrics import UNREADABLE_FACTS
from schemas.topics import FACTS_CHANGELOG, FACTS_TABLE, STATE_GRACE_DAYS

log = logging.getLogger(__name__)

LAYOUT = "facts-1"
"""Folder of the stores below WAYBILL_WORKER_DATA. Rises with every change of the stored facts that older code could not
read; a new folder is filled from the changelog."""

CACHE_BYTES = 32 * 1024 * 1024
WRITE_BUFFER_BYTES = 8 * 1024 * 1024

_DAY_S = 86_400
_RECOVERY_BATCH = 1000


class FactsStore(rocksdb.Store):
    """One RocksDB for each partition, with bounded memory and a time to live."""

    logger = FAUST_LOG

    def __init__(self, url: URL, app: Any, table: Any, *, folder: Path, ttl_s: int, **options: Any) -> None:
        self._folder = folder / LAYOUT
        self._ttl_s = ttl_s
        # One cache for all partitions: what moves away leaves its share to the others.
        self._cache = Cache(CACHE_BYTES)
        super().__init__(url, app, table, driver="rocksdict", **options)

    @property
    def path(self) -> Path:
        """The folder of the partitions' databases."""
        return self._folder

    def _open_for_partition(self, partition: int) -> Rdict:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(256)
        options.set_keep_log_file_num(2)
        options.set_max_total_wal_size(4 * WRITE_BUFFER_BYTES)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        # Index and filter blocks count against the cache too, or they would grow with the number of keys.
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
        blocks.set_bloom_filter(10, block_based=False)
        options.set_block_based_table_factory(blocks)
        db = Rdict(str(self.partition_path(partition)), options, access_type=AccessType.with_ttl(self._ttl_s))
        db.set_read_options(ReadOptions())
        return db

    def read(self, partition: int, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The encoded facts of those keys, None where there are none."""
        found: Sequence[bytes | None] = self._db_for_partition(partition).get(list(keys))
        return found

    def write(self, partition: int, facts: Mapping[bytes, bytes]) -> None:
        """Stores encoded facts, all of them or none."""
        batch = WriteBatch(raw_mode=True)
        for key, value in facts.items():
            batch.put(key, value)
        self._db_for_partition(partition).write(batch)

    def revoke_partitions(self, table: Any, tps: Iterable[TP]) -> None:
        """Closes what moved away, so that another process may open it."""
        for tp in tps:
            if tp.topic in table.changelog_topic.topics and (db := self._dbs.pop(tp.partition, None)):
                db.close()

    async def stop(self) -> None:
        """Closes all partitions."""
        while self._dbs:
            self._dbs.popitem()[1].close()


class FactsTable(faust.Table[bytes, bytes]):
    """The facts of each (tenant, message, recipient), encoded, by status key and partition.

    Not for `table[key]`: facts are read and written by partition, many at a time, and whoever writes them also writes
    the changelog.
    """

    logger = FAUST_LOG

    data: Any
    folder: Path
    state_days: int

    def _new_store(self) -> FactsStore:
        return FactsStore(
            URL("rocksdb://"),
            self.app,
            self,
            folder=self.folder,
            ttl_s=(self.state_days + STATE_GRACE_DAYS) * _DAY_S,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
        )

    def on_key_set(self, key: Any, value: Any) -> None:
        """Refuses: a single item would go without its changelog entry."""
        raise TypeError("facts are written by partition, with their changelog")

    def read(self, partition: int, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The encoded facts of those keys, None where there are none."""
        found: Sequence[bytes | None] = self.data.read(partition, keys)
        return found

    def write(self, partition: int, facts: Mapping[bytes, bytes]) -> None:
        """Stores facts. Their changelog entries are the caller's to send."""
        self.data.write(partition, facts)

    def changelog_delivered(self, partition: int, offset: int) -> None:
        """The changelog up to that offset is delivered: a recovery may start there."""
        self.data.set_persisted_offset(TP(FACTS_CHANGELOG.name, partition), offset)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Joins what the changelog says with what is stored, key by key.

        Joined, not overwritten: the last entry of a key may be that of a worker which had been frozen and was no longer
        the owner, and what is stored may be ahead of the changelog.
        """
        by_partition: dict[int, dict[bytes, list[bytes]]] = {}
        last: dict[TP, int] = {}
        for event in batch:
            message = event.message
            last[message.tp] = max(message.offset, last.get(message.tp, -1))
            if message.value is not None:
                by_partition.setdefault(message.partition, {}).setdefault(message.key, []).append(
                    message.value
                )
        joiner = Joiner()
        for partition, entries in by_partition.items():
            stored = self.read(partition, list(entries))
            pairs = zip(entries.items(), stored, strict=True)
            self.write(partition, {key: joiner.join(key, known, values) for (key, values), known in pairs})
        joiner.tell()
        for tp, offset in last.items():
            self.data.set_persisted_offset(tp, offset)


class Joiner:
    """Joins encoded facts, and counts those that cannot be read."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def join(self, key: bytes, stored: bytes | None, entries: Sequence[bytes]) -> bytes:
        """The encoded join of what is stored for a key, if anything, and its changelog entries, of which there is one.

        Unreadable ones are left out, unless there is nothing else: then the last is kept as it is, so that nothing
        that another version might read is lost.
        """
        if stored is None and len(entries) == 1:
            return entries[0]
        facts: MessageFacts | None = None
        for value in entries if stored is None else (stored, *entries):
            try:
                known = MessageFacts.decode(value)
            except ValueError as fault:
                self.unreadable.append(f"{key.decode(errors='replace')}: {fault}")
                continue
            facts = known if facts is None else join(facts, known)
        return entries[-1] if facts is None else facts.encode()

    def tell(self) -> None:
        """Counts and logs what could not be read."""
        if self.unreadable:
            UNREADABLE_FACTS.inc(len(self.unreadable))
            log.error(
                "%d facts cannot be read and are left out; %s", len(self.unreadable), self.unreadable[0]
            )


def facts_table(app: faust.App, folder: Path, state_days: int, partitions: int) -> FactsTable:
    """The table of the worker, declared in `app`, with its stores below `folder`."""
    table = FactsTable(
        app,
        name=FACTS_TABLE,
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        recovery_buffer_size=_RECOVERY_BATCH,
    )
    table.folder = folder
    table.state_days = state_days
    app.tables.add(table)
    return table
