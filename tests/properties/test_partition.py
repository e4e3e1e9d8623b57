"""The partition of a key is the one that Kafka's own clients choose."""

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as kafkas_murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas.partition import murmur2, partition_of


@given(st.binary(max_size=200))
def test_murmur2_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == kafkas_murmur2(data)


@given(st.text(max_size=100), st.integers(1, 1024))
def test_a_key_goes_where_kafkas_default_partitioner_sends_it(key: str, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key.encode(), every, every)


def test_murmur2_is_that_of_the_java_client() -> None:
    """org.apache.kafka.common.utils.UtilsTest.testMurmur2"""
    known = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    assert {data: murmur2(data) for data in known} == {data: value % 2**32 for data, value in known.items()}
