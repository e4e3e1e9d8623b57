"""The Faust tables of facts: RocksDB below, changelog and recovery by Faust, written in batches.

Faust's own table sends one changelog message for each item set, at 0.1 to 0.2 ms each. These leave the changelog to
the worker's outputs, which write it in batches beside the public topics, and take part in everything else: their
partitions move with those of what is folded into them, and they are recovered from the changelog. See
docs/decisions/0005-a-table-in-batches.md.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faust
from faust.stores import rocksdb
from faust.types import TP
from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)
from yarl import URL

from processors import address_facts, consent, facts
from processors.address_facts import AddressFacts
from processors.consent import ConsentFacts
from processors.facts import MessageFacts
from processors.kafka_transport import FAUST_LOG
from runtime.metrics import UNREADABLE_FACTS
from schemas.topics import (
    ADDRESS_CHANGELOG,
    ADDRESS_TABLE,
    CONSENTS_CHANGELOG,
    CONSENTS_TABLE,
    FACTS_CHANGELOG,
    FACTS_TABLE,
    STATE_GRACE_DAYS,
    Topic,
)

log = logging.getLogger(__name__)

_MEMORY_BYTES = 64 * 1024 * 1024
WRITTEN_BYTES = 32 * 1024 * 1024
"""What all stores of a worker take together, and of this what was written and is on the disk in the log alone: however many
partitions there are, and as much after some minutes of load as after a day."""

_DAY_S = 86_400
_RECOVERY_BATCH = 1000


class Facts(Protocol):
    """What a table keeps of one key."""

    def encode(self) -> bytes:
        """The facts as they are stored."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What one table keeps, and how.

    `layout` is the folder of its stores below WAYBILL_WORKER_DATA: it rises with every change of the stored facts that
    older code could not read, and a new folder is filled from the changelog. `expires` says whether keys live only as
    long as the state of a message. `decode` raises ValueError where facts cannot be read; `join` gives those of both.
    """

    name: str
    changelog: Topic
    layout: str
    write_buffer_bytes: int
    expires: bool
    decode: Callable[[bytes], Any]
    join: Callable[[Any, Any], Facts]


MESSAGES = Kind(
    FACTS_TABLE, FACTS_CHANGELOG, "facts-1", 8 * 1024 * 1024, True, MessageFacts.decode, facts.join
)
ADDRESSES = Kind(
    ADDRESS_TABLE,
    ADDRESS_CHANGELOG,
    "addresses-1",
    4 * 1024 * 1024,
    False,
    AddressFacts.decode,
    address_facts.join,
)
CONSENTS = Kind(
    CONSENTS_TABLE,
    CONSENTS_CHANGELOG,
    "consents-1",
    1 * 1024 * 1024,
    False,
    ConsentFacts.decode,
    consent.join,
)


class StoreMemory:
    """The memory of RocksDB, shared by all stores of a process: what is little used leaves its share to the others."""

    def __init__(self) -> None:
        self.blocks = Cache(_MEMORY_BYTES)
        self.written = WriteBufferManager.new_write_buffer_manager_with_cache(
            WRITTEN_BYTES, False, self.blocks
        )


def store_options(memory: StoreMemory, write_buffer_bytes: int) -> Options:
    """How one partition's RocksDB is opened, which writes to the disk what goes beyond `write_buffer_bytes` or the memory that it
    shares with others."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_manager(memory.written)
    options.set_write_buffer_size(write_buffer_bytes)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(4 * write_buffer_bytes)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(memory.blocks)
    # Index and filter blocks count against the cache too, or they would grow with the number of keys.
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    blocks.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(blocks)
    return options


class FactsStore(rocksdb.Store):
    """One RocksDB for each partition, with bounded memory and, where facts expire, a time to live."""

    logger = FAUST_LOG

    def __init__(self, url: URL, app: Any, table: "FactsTable", **options: Any) -> None:
        kind = table.kind
        self._folder = table.folder / kind.layout
        self._write_buffer_bytes = kind.write_buffer_bytes
        ttl_s = (table.state_days + STATE_GRACE_DAYS) * _DAY_S
        self._access = AccessType.with_ttl(ttl_s) if kind.expires else AccessType.read_write()
        self._memory = table.memory
        super().__init__(url, app, table, driver="rocksdict", **options)

    @property
    def path(self) -> Path:
        """The folder of the partitions' databases."""
        return self._folder

    def _open_for_partition(self, partition: int) -> Rdict:
        options = store_options(self._memory, self._write_buffer_bytes)
        db = Rdict(str(self.partition_path(partition)), options, access_type=self._access)
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
    """The facts of each key of one kind, encoded, by key and partition.

    Not for `table[key]`: facts are read and written by partition, many at a time, and whoever writes them also writes
    the changelog.
    """

    logger = FAUST_LOG

    data: Any
    kind: Kind
    folder: Path
    state_days: int
    memory: StoreMemory

    def _new_store(self) -> FactsStore:
        return FactsStore(
            URL("rocksdb://"),
            self.app,
            self,
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
        self.data.set_persisted_offset(TP(self.kind.changelog.name, partition), offset)

    def apply_changelog(
        self, partition: int, entries: Iterable[tuple[bytes, bytes | None]], last_offset: int
    ) -> None:
        """Joins what the changelog says up to that offset with what is stored, key by key.

        Joined, not overwritten: the last entry of a key may be that of a worker which had been frozen and was no longer
        the owner, and what is stored may be ahead of the changelog.
        """
        by_key: dict[bytes, list[bytes]] = {}
        for key, value in entries:
            if value is not None:
                by_key.setdefault(key, []).append(value)
        joiner = Joiner(self.kind)
        stored = self.read(partition, list(by_key))
        pairs = zip(by_key.items(), stored, strict=True)
        self.write(partition, {key: joiner.join(key, known, values) for (key, values), known in pairs})
        joiner.tell()
        self.changelog_delivered(partition, last_offset)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """The same for what Faust has read."""
        by_partition: dict[int, list[Any]] = {}
        for event in batch:
            by_partition.setdefault(event.message.partition, []).append(event.message)
        for partition, messages in by_partition.items():
            last_offset = max(message.offset for message in messages)
            self.apply_changelog(partition, [(one.key, one.value) for one in messages], last_offset)


class Joiner:
    """Joins encoded facts, and counts those that cannot be read."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.unreadable: list[str] = []

    def join(self, key: bytes, stored: bytes | None, entries: Sequence[bytes]) -> bytes:
        """The encoded join of what is stored for a key, if anything, and its changelog entries, of which there is one.

        Unreadable ones are left out, unless there is nothing else: then the last is kept as it is, so that nothing
        that another version might read is lost.
        """
        if stored is None and len(entries) == 1:
            return entries[0]
        found: Facts | None = None
        for value in entries if stored is None else (stored, *entries):
            try:
                known = self._kind.decode(value)
            except ValueError as fault:
                self.unreadable.append(f"{key.decode(errors='replace')}: {fault}")
                continue
            found = known if found is None else self._kind.join(found, known)
        return entries[-1] if found is None else found.encode()

    def tell(self) -> None:
        """Counts and logs what could not be read."""
        if self.unreadable:
            UNREADABLE_FACTS.inc(len(self.unreadable))
            log.error(
                "%d facts cannot be read and are left out; %s", len(self.unreadable), self.unreadable[0]
            )


def facts_table(
    app: faust.App, kind: Kind, folder: Path, state_days: int, partitions: int, memory: StoreMemory
) -> FactsTable:
    """A table of the worker, declared in `app`, with its stores below `folder`."""
    table = FactsTable(
        app,
        name=kind.name,
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        recovery_buffer_size=_RECOVERY_BATCH,
    )
    table.kind = kind
    table.memory = memory
    table.folder = folder
    table.state_days = state_days
    app.tables.add(table)
    return table
