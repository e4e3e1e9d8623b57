"""However many partitions a worker has, what RocksDB holds of them in memory is bounded once for all."""

from pathlib import Path

from rocksdict import Rdict

from processors.facts_table import MESSAGES, WRITTEN_BYTES, StoreMemory, store_options

PARTITIONS = 8
ROUNDS = 16
_MIB = 1024 * 1024


def test_what_all_partitions_hold_of_writes_stays_within_one_limit(tmp_path: Path) -> None:
    memory = StoreMemory()
    options = store_options(memory, MESSAGES.write_buffer_bytes)
    stores = [Rdict(str(tmp_path / str(number)), options) for number in range(PARTITIONS)]
    most = 0
    for round_ in range(ROUNDS):
        for store in stores:
            for part in range(8):
                store[f"{round_}/{part}".encode()] = bytes(_MIB // 8)
            most = max(most, memory.written.get_usage())
    for store in stores:
        store.close()
    # Alone each would have held as much as its own buffer takes, all together twice the limit.
    assert MESSAGES.write_buffer_bytes * PARTITIONS >= 2 * WRITTEN_BYTES
    assert WRITTEN_BYTES / 2 < most < 1.5 * WRITTEN_BYTES
