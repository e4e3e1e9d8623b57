"""A name server of a test's own: it speaks DNS over UDP on loopback and has the TXT records it is given."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.rrset

_LONGEST = 255
"""Bytes of one string of a record; longer text is several."""


def _in_strings(text: str) -> str:
    parts = (text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST))
    return " ".join(f'"{part}"' for part in parts)


class _Zone(asyncio.DatagramProtocol):
    def __init__(self, records: Mapping[str, Sequence[str] | None], asked: list[str]) -> None:
        self._records = records
        self._asked = asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name
        self._asked.append(name.to_text(omit_final_dot=True))
        if (found := self._records.get(self._asked[-1], ())) is None:
            return  # this one is never answered
        answer = dns.message.make_response(question, recursion_available=True)
        if found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *map(_in_strings, found)))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(records: Mapping[str, Sequence[str] | None], asked: list[str]) -> AsyncIterator[str]:
    """Serves these TXT records, None for a name that is never answered, and notes what is asked; gives its place as WAYBILL_DNS
    takes it."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Zone(records, asked), local_addr=("127.0.0.1", 0)
    )
    try:
        yield f"127.0.0.1#{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
