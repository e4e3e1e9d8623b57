"""Every Prometheus metric of Waybill, the one place where they are named. tests/unit fail where one is missing from the docs."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE_LATEST", "exposition"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# ingest
RECEIPTS = Counter("waybill_ingest_receipts", "Webhooks stored, by provider", ["provider"])
REFUSALS = Counter(
    "waybill_ingest_refusals",
    "Webhooks answered with an error, by provider and problem code",
    ["provider", "code"],
)
STORE_SECONDS = Histogram(
    "waybill_ingest_store_seconds",
    "Time from the first callback of a record to Kafka's answer",
    buckets=_SECONDS,
)
BATCH_ENVELOPES = Histogram(
    "waybill_ingest_batch_envelopes",
    "Envelopes in a record of receipts",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
WAITING_BYTES = Gauge("waybill_ingest_waiting_bytes", "Bytes of bodies that wait for Kafka")
CERTIFICATE_FETCHES = Counter(
    "waybill_ingest_certificate_fetches", "Fetches of SNS certificates, by result", ["result"]
)
SUBSCRIPTIONS = Counter(
    "waybill_ingest_subscriptions", "SNS subscription confirmations, by result", ["result"]
)
UNSUBSCRIBES = Counter(
    "waybill_ingest_unsubscribes",
    "Unsubscribe links: opened (asked), acted on (one_click, page) or refused",
    ["result"],
)

# tenants
TENANTS_RELOADS = Counter("waybill_tenants_reloads", "Reloads of the tenants file, by result", ["result"])

# worker
ENVELOPES = Counter("waybill_worker_envelopes", "Envelopes processed")
EVENTS = Counter("waybill_worker_events", "Events made from envelopes, by outcome", ["outcome"])
LATE_EVENTS = Counter(
    "waybill_worker_late_events", "Events of messages whose state has expired: stored, not folded"
)
DEAD_LETTERS = Counter(
    "waybill_dead_letters", "Dead letters written, by stage and reason", ["stage", "reason"]
)
ACTIVITY = Counter(
    "waybill_worker_activity", "Address activity folded into standings and consents, by kind", ["kind"]
)
FLUSH_SECONDS = Histogram(
    "waybill_worker_flush_seconds",
    "Time until a record's outputs and changelog were delivered",
    buckets=_SECONDS,
)
RECORDS_IN_FLIGHT = Gauge("waybill_worker_records_in_flight", "Records folded and not yet acknowledged")
WORKER_LAG = Gauge(
    "waybill_worker_lag_records",
    "Records of receipts and of address activity that are not yet acknowledged",
    ["topic", "partition"],
)
UNREADABLE_FACTS = Counter(
    "waybill_worker_unreadable_facts", "Stored facts or changelog entries that could not be read"
)

# sink
SINK_ROWS = Counter("waybill_sink_rows", "Rows inserted into ClickHouse, by table", ["table"])
SINK_INSERT_SECONDS = Histogram(
    "waybill_sink_insert_seconds", "Time of an insert into ClickHouse", ["table"], buckets=_SECONDS
)
SINK_RETRIES = Counter("waybill_sink_retries", "Inserts tried again because ClickHouse was away", ["table"])
SINK_LAG = Gauge(
    "waybill_sink_lag_records", "Records in Kafka that are not yet in ClickHouse", ["topic", "partition"]
)
SINK_POISON_LOST = Counter(
    "waybill_sink_poison_undeliverable", "Dead letters that could not be inserted: logged and never re-queued"
)

# query
QUERY_SECONDS = Histogram(
    "waybill_query_answer_seconds", "Time of an answer, by route", ["route"], buckets=_SECONDS
)
QUERY_PROBLEMS = Counter(
    "waybill_query_problems", "Requests answered with an error, by problem code", ["code"]
)
DECISIONS = Counter("waybill_query_decisions", "Addresses decided about, by decision", ["decision"])
KNOWN = Gauge("waybill_query_known", "Standings, consents and tenants kept in memory, by kind", ["kind"])
KNOWN_AGE_SECONDS = Gauge(
    "waybill_query_known_age_seconds", "How old what is kept in memory may be; it grows while Kafka is away"
)
QUERY_UNREADABLE = Counter(
    "waybill_query_unreadable_values",
    "Values of standings, consents and the tenants' log that could not be read",
)
SIGN_INS = Counter("waybill_console_sign_ins", "Attempts to sign in to the console, by result", ["result"])
TENANT_STEPS = Counter(
    "waybill_query_tenant_steps", "Tenants and senders warned, blocked or cleared by their rates", ["kind"]
)


def exposition() -> bytes:
    """All metrics of this process in the OpenMetrics text format."""
    page: bytes = generate_latest(REGISTRY)  # type: ignore[no-untyped-call]
    return page
