"""However many partitions a worker has, what RocksDB holds of them in memory is bounded once for all."""

from pathlib import Path

from rocksdict import Rdict

from processors.facts_table import MESSAGES, WRITTEN_BYTES, StoreMemory, store_options
from tests.system.waiting import eventually

PARTITIONS = 8
_PART_BYTES = 128 * 1024


def test_what_all_partitions_hold_of_writes_comes_back_below_one_limit(tmp_path: Path) -> None:
    memory = StoreMemory()
    options = store_options(memory, MESSAGES.write_buffer_bytes)
    stores = [Rdict(str(tmp_path / str(number)), options) for number in range(PARTITIONS)]
    # Each stays below its own buffer, so none would write anything to the disk for its own sake.
    parts = (MESSAGES.write_buffer_bytes - 1024 * 1024) // _PART_BYTES
    assert parts * _PART_BYTES * PARTITIONS > 1.5 * WRITTEN_BYTES
    most = 0
    for part in range(parts):
        for store in stores:
            store[str(part).encode()] = bytes(_PART_BYTES)
        most = max(most, memory.written.get_usage())
    assert most > WRITTEN_BYTES / 2
    # The disk decides how soon: writing goes on meanwhile, and the limit is passed for as long as that takes.
    eventually(lambda: memory.written.get_usage() < WRITTEN_BYTES, 30, "what was written to be on the disk")
    for store in stores:
        store.close()
