"""Which partition a key belongs to: murmur2 as Kafka's default partitioner has it, so that any client agrees.

Source: org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey.
"""

from functools import lru_cache
from struct import unpack_from

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of Kafka's Java client, unsigned."""
    length = len(data)
    h = _SEED ^ length
    for k in unpack_from(f"<{length >> 2}I", data):
        k = k * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ (k >> 24)) * _M & _MASK)
    if rest := length & 3:
        h = (h ^ int.from_bytes(data[-rest:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


@lru_cache(32_768)  # the callbacks of a message mostly come within some seconds of each other
def partition_of(key: str, partitions: int) -> int:
    """The partition, from 0, of a record key among so many partitions."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
