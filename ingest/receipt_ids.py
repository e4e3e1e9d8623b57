"""Receipt ids: unique without coordination, and in order of time, so that a store sorted by them is sorted by arrival."""

from random import Random, SystemRandom

_random = Random(SystemRandom().getrandbits(256))  # noqa: S311
"""Unique is enough, nobody gains by guessing one; a system call for each would cost more than all the rest of it."""


def new_receipt_id(now_ms: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7) for that moment, in ms since the epoch: 48 bits of time, 74 random ones."""
    random = _random.getrandbits(74)
    digits = (
        f"{now_ms << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF:032x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
