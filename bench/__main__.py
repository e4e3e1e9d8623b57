"""`python -m bench`, which is what `make bench` runs."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import end_to_end, memory, queries, receiver, sendability, sink, worker
from bench.report import Line, at_least, at_most, machine, repeated, table, told, write
from deploy.local.kafka import EmbeddedKafka

STAGES: Final = ("receiver", "steady", "burst", "sendability", "worker", "sink", "memory", "queries")
BURST_RATE, STEADY_RATE, MEMORY_RATE = 3000.0, 2000.0, 1000.0
ENVELOPES_A_RECORD: Final = 10
"""For worker and sink where the stage `steady`, which sees how many there are, was not measured before them."""

Measured = tuple[dict[str, Any], list[Line]]


def main() -> None:
    """Measures the stages, prints a table and writes everything as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__ and main.__doc__)
    parser.add_argument("stages", nargs="*", metavar="stage", help=f"of {', '.join(STAGES)}; default: all")
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of each stage, whose medians count (default: 3)"
    )
    parser.add_argument("--seconds", type=float, default=60, help="of load in burst and steady (default: 60)")
    parser.add_argument("--memory-seconds", type=float, default=600, help="of load in memory (default: 600)")
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="message rows in queries (default: 10,000,000)"
    )
    parser.add_argument(
        "--times", type=int, default=5, help="times that queries asks with each value (default: 5)"
    )
    parser.add_argument(
        "--only", default="", help="pattern: of queries, the questions in whose name it is found"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short run of each stage but memory: a smoke test"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.stages) - set(STAGES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    stages = arguments.stages or [stage for stage in STAGES if not (arguments.quick and stage == "memory")]
    if arguments.quick:
        arguments.runs, arguments.seconds, arguments.memory_seconds = 1, 8.0, 40.0
        arguments.rows, arguments.times = min(arguments.rows, 200_000), 1
    document: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
    }
    lines: list[Line] = []
    for stage in stages:
        _say(f"{stage} ...")
        seen = document.get("steady", {}).get("envelopes_a_record") or ENVELOPES_A_RECORD
        document[stage], told_of = _MEASURES[stage](arguments, max(1, round(seen)))
        lines += told_of
        for row in table(told_of):
            _say(row)
    print(f"\n{document['machine']}\n")
    for row in table(lines):
        print(row)
    print(f"\neverything: {write(document, lines)}")


def _receiver(arguments: argparse.Namespace, _: int) -> Measured:
    slices = 2 if arguments.quick else 10
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder, EmbeddedKafka(Path(folder)) as kafka:
        found = receiver.measure(kafka.bootstrap, slices, arguments.runs)
    return found, [
        at_least("receiver", "requests/s, of bare aiohttp's", found["requests_ratio"], 0.85),
        at_most("receiver", "CPU a request, of bare aiohttp's", found["cpu_ratio"], 1.2),
        told("receiver", "requests/s", found["requests_a_second"]),
        told("receiver", "requests/s of bare aiohttp", found["baseline_requests_a_second"]),
    ]


def _worker(arguments: argparse.Namespace, envelopes_a_record: int) -> Measured:
    requests = int(STEADY_RATE * min(arguments.seconds, 30))

    def measure() -> dict[str, Any]:
        with (
            tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder,
            EmbeddedKafka(Path(folder)) as kafka,
        ):
            return worker.measure(kafka.bootstrap, requests=requests, envelopes_a_record=envelopes_a_record)

    found = repeated(arguments.runs, measure, _say)
    each = {
        "worker": found["worker"],
        "plain loop": found["plain_loop"],
        "naive Faust agent": found["naive_agent"],
    }
    return found, [
        at_least("worker", "events/s, of the naive Faust agent's", found["of_naive_agent"], 5),
        at_least("worker", "events/s, of a plain aiokafka loop's", found["of_plain_loop"], 0.5),
        *(
            told(
                "worker",
                f"{name}: events/s; {one['cpu_ms_an_event']:.3g} ms CPU each",
                one["events_a_second"],
            )
            for name, one in each.items()
        ),
    ]


def _sink(arguments: argparse.Namespace, envelopes_a_record: int) -> Measured:
    requests = int(STEADY_RATE * min(arguments.seconds, 60))
    found = repeated(arguments.runs, lambda: sink.measure(requests, STEADY_RATE, envelopes_a_record), _say)
    return found, [
        told("sink", "rows/s, of raw insert's", found["ratio"]),
        told("sink", "rows/s", found["rows_a_second"]),
        told("sink", "rows/s of raw insert", found["raw_rows_a_second"]),
        *_cpu("sink", found, "rows"),
    ]


def _burst(arguments: argparse.Namespace, _: int) -> Measured:
    found = repeated(arguments.runs, lambda: end_to_end.measure(BURST_RATE, arguments.seconds), _say)
    return found, [
        Line(
            "burst",
            f"callbacks offered at {BURST_RATE:g}/s for {arguments.seconds:g} s",
            f"{found['callbacks']:,}",
        ),
        Line("burst", "all answered 200", "yes" if found["all_taken"] else "no", "yes", found["all_taken"]),
        at_most(
            "burst", "exact figures after the last answer", found["worked_off_s"], end_to_end.WORK_OFF_S, " s"
        ),
        told("burst", "answer p99", found["answers"]["answer_p99_s"], " s"),
        told("burst", "200 to visible, p99", found["visible_p99_s"], " s"),
        *_cpu("burst", found, "callbacks"),
    ]


def _steady(arguments: argparse.Namespace, _: int) -> Measured:
    found = repeated(arguments.runs, lambda: end_to_end.measure(STEADY_RATE, arguments.seconds), _say)
    return found, [
        Line(
            "steady",
            f"all answered 200 at {STEADY_RATE:g}/s",
            "yes" if found["all_taken"] else "no",
            "yes",
            found["all_taken"],
        ),
        at_least("steady", "answered 200 a second", found["answered_a_second"], 0.98 * STEADY_RATE),
        told("steady", "200 to visible, p50", found["visible_p50_s"], " s"),
        at_most("steady", "200 to visible, p99", found["visible_p99_s"], 3.0, " s"),
        told("steady", "exact figures after the last answer", found["worked_off_s"], " s"),
        told("steady", "envelopes a record of receipts", found["envelopes_a_record"]),
        told("steady", "answer p99", found["answers"]["answer_p99_s"], " s"),
        told("steady", "CPU of the machine that was idle", 100 * found["machine_idle"], " %"),
        told("steady", "CPU that its hypervisor gave to others", 100 * found["machine_stolen"], " %"),
        *_cpu("steady", found, "callbacks"),
    ]


def _sendability(arguments: argparse.Namespace, _: int) -> Measured:
    found = repeated(arguments.runs, lambda: sendability.measure(min(arguments.seconds, 30)), _say)
    return found, [
        at_most("sendability", "200 of a bounce to the decision, p50", found["counts_p50_s"], 1, " s"),
        told("sendability", "200 of a bounce to the decision, p99", found["counts_p99_s"], " s"),
        at_most("sendability", f"{found['addresses']:,} addresses, p50", found["decided_p50_s"], 0.1, " s"),
    ]


def _memory(arguments: argparse.Namespace, _: int) -> Measured:
    found = memory.measure(MEMORY_RATE, arguments.memory_seconds)
    lines = [
        at_most(
            "memory",
            f"{part}: end of load over three tenths ({found['late_mib'][part]:.0f} MiB)",
            ratio,
            1.15,
        )
        for part, ratio in found["ratio"].items()
    ]
    return found, lines


def _queries(arguments: argparse.Namespace, _: int) -> Measured:
    return queries.measure(arguments.rows, arguments.times, arguments.only, _say)


def _cpu(stage: str, found: dict[str, Any], of: str) -> list[Line]:
    """CPU and peak memory of every process."""
    use = found["use"]
    lines = [
        told(stage, f"{part}: CPU ms a 1,000 {of}; peak {use[part]['peak_mib']:,.0f} MiB", 1000 * cpu)
        for part, cpu in found["cpu_s_per_1000"].items()
    ]
    if "generator_cpu_s_per_1000" in found:
        lines.append(
            told(stage, f"generator, apart: CPU ms a 1,000 {of}", 1000 * found["generator_cpu_s_per_1000"])
        )
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_MEASURES: Final[dict[str, Callable[[argparse.Namespace, int], Measured]]] = {
    "receiver": _receiver,
    "steady": _steady,
    "burst": _burst,
    "sendability": _sendability,
    "worker": _worker,
    "sink": _sink,
    "memory": _memory,
    "queries": _queries,
}


if __name__ == "__main__":
    main()
