"""Receipt ids: unique without coordination, and in order of time, so that a store sorted by them is sorted by arrival."""

import os

_HEX = "{:032x}".format


def new_receipt_id(now_ms: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7) for that moment, in ms since the epoch: 48 bits of time, 74 random ones."""
    random = int.from_bytes(os.urandom(10), "big")
    digits = _HEX(
        (now_ms & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (random >> 68) << 64
        | 0b10 << 62
        | (random & 0x3FFF_FFFF_FFFF_FFFF)
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
