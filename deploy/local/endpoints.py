"""Where the servers of a local run are: written by the supervisor, read by tools such as `make demo`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Endpoints:
    """Base URLs, and the bootstrap servers of Kafka. `supervisor` is the process id of the run."""

    supervisor: int
    ingest: str
    query: str
    worker: str
    sink: str
    kafka: str
    clickhouse: str
    tenants: str
    sns_certs: str | None


def file_of(home: Path) -> Path:
    """Where a home has them."""
    return home / "run" / "endpoints.json"


def write(home: Path, endpoints: Endpoints) -> None:
    """Replaces what a former run wrote, at once and whole."""
    file = file_of(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(endpoints), indent=2) + "\n")
    partial.rename(file)


def read(home: Path) -> Endpoints | None:
    """Those of the latest run on that home, which may have ended; None where there was none."""
    try:
        return Endpoints(**json.loads(file_of(home).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
