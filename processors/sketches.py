"""Counting distinct events in bounded space: the 64 smallest 64-bit hashes of their identities (KMV sketch).

Up to 64 the count is exact. Beyond, it is (k-1)/u for the k-th smallest hash as a fraction u of its range, the
unbiased estimate of Bar-Yossef et al., “Counting distinct elements in a data stream” (2002), good to some 13 % for
k = 64. Sketches merge by union: commutative, associative, and the same event twice is one.
"""

from bisect import bisect_left

from schemas.machine_reasons import SHORT_IDENTITY

KEPT = 64

Sighting = list[int]
"""One event as a sketch keeps it: [identity hash, time in ms, 1 where a machine's agent made it, hash of its link]."""

Sketch = list[list[Sighting]]
"""[kept sightings in order of their hashes] or, where more than 64 were seen, that and a second, empty list: a
list whose length tells whether it overflowed costs least to store and to read. Never changed in place."""


def identity_hash(event_id: str) -> int:
    """The 64-bit hash under which a sketch knows an event: the first half of its identity, which is a hash."""
    return int(event_id[:SHORT_IDENTITY], 16)


def short_identity(identity: int) -> str:
    """The beginning of the identity of the event that a sketch knows by this hash."""
    return f"{identity:0{SHORT_IDENTITY}x}"


def sketch_add(sketch: Sketch | None, sighting: Sighting) -> Sketch:
    """The sketch with one more sighting. One that it has already stays with the earlier of its times."""
    if sketch is None:
        return [[sighting]]
    kept = sketch[0]
    at = bisect_left(kept, sighting[:1])
    if at < len(kept) and kept[at][0] == sighting[0]:
        return sketch if kept[at] <= sighting else [[*kept[:at], sighting, *kept[at + 1 :]], *sketch[1:]]
    grown = [*kept[:at], sighting, *kept[at:]]
    if len(grown) > KEPT:
        return [grown[:KEPT], []]
    return [grown, *sketch[1:]]


def sketch_join(left: Sketch, right: Sketch) -> Sketch:
    """The sketch of all that either has seen."""
    joined = {sighting[0]: sighting for sighting in left[0]}
    for sighting in right[0]:
        known = joined.get(sighting[0])
        if known is None or sighting < known:
            joined[sighting[0]] = sighting
    kept = sorted(joined.values())
    overflowed = len(left) > 1 or len(right) > 1 or len(kept) > KEPT
    return [kept[:KEPT], []] if overflowed else [kept]


def overflowed(sketch: Sketch | None) -> bool:
    """Whether more than 64 were seen, so that counts are estimates."""
    return sketch is not None and len(sketch) > 1


def sketch_count(sketch: Sketch | None) -> int:
    """How many distinct events were seen: exact to 64, then estimated."""
    if sketch is None:
        return 0
    kept = sketch[0]
    if len(sketch) == 1:
        return len(kept)
    return max(KEPT + 1, round((KEPT - 1) * 2**64 / max(kept[-1][0], 1)))
