"""Every metric, once, with its kind and unit. Prometheus reads them at ``/metrics``."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from walmart_stream import __version__

# A time series for each counter that says when it began doubles what is scraped and answers
# nothing that the process's own start time does not.
disable_created_metrics()  # type: ignore[no-untyped-call]


# Walmart's usual answer takes a third of a second; reports and large pages some seconds; half a
# minute is the longest that is waited for.
REQUEST_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        # Memory, processor time, open files and start time of the process.
        ProcessCollector(registry=registry)
        self.build = Gauge(
            "walmart_build_info", "1, with the version as a label.", ["version"], registry=registry
        )
        self.build.labels(__version__).set(1)
        self.polled_items = Counter(
            "walmart_polled_items",
            "Items asked of Walmart, by outcome: answered, missing, invalid, oversized, "
            "unreadable or failed.",
            ["outcome"],
            registry=registry,
        )
        self.poll_errors = Counter(
            "walmart_poll_errors", "Failed polls, by error class.", ["error"], registry=registry
        )
        self.poll_calls = Counter(
            "walmart_poll_calls", "Calls made for polls, repeated ones included.", registry=registry
        )
        self.request_seconds = Histogram(
            "walmart_request_seconds",
            "Seconds from asking Walmart to its whole answer, by API (affiliate or seller); calls "
            "without an answer are errors and not in it.",
            ["api"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.last_success = Gauge(
            "walmart_last_success_timestamp_seconds",
            "Epoch seconds of the last answer of Walmart's that was a success, by API; none: no "
            "series.",
            ["api"],
            registry=registry,
        )
        self.calls_left = Gauge(
            "walmart_calls_left_today",
            "Calls of the Affiliate API's daily quota that this worker's partitions have left; the "
            "sum over all workers is what is left.",
            registry=registry,
        )
        self.sights = Counter(
            "walmart_sights",
            "Sights of watched items by any source, by outcome: changed or unchanged since the "
            "sight before. Calls per seen change are walmart_poll_calls over the changed ones.",
            ["outcome"],
            registry=registry,
        )
        self.events_silent = Gauge(
            "walmart_events_silent",
            "1 where Walmart's events came and do not come any more, by their own rhythm.",
            registry=registry,
        )
        self.changes_seen_share = Gauge(
            "walmart_estimated_changes_seen_share",
            "Share of the changes that a poll finds before the next one hides them, by the rates "
            "learned.",
            registry=registry,
        )
        self.unseen_seconds = Gauge(
            "walmart_estimated_unseen_seconds",
            "Mean time from a change to the item's next poll, by the rates learned.",
            registry=registry,
        )
        self.observations = Counter(
            "walmart_observations",
            "Observations processed, by outcome: applied, duplicate, late, silent, bad or "
            "forwarded.",
            ["outcome"],
            registry=registry,
        )
        self.odd_fields = Counter(
            "walmart_odd_fields",
            "Fields of observations that could not be read and count as unknown.",
            registry=registry,
        )
        self.changes = Counter(
            "walmart_price_changes", "Price changes emitted, by kind.", ["kind"], registry=registry
        )
        self.windows_closed = Counter(
            "walmart_windows_closed", "Windows closed.", registry=registry
        )
        self.alerts = Counter(
            "walmart_alerts",
            "Steps of alerts, by step: raised or closed.",
            ["step"],
            registry=registry,
        )
        self.alert_deliveries = Counter(
            "walmart_alert_deliveries",
            "Deliveries of alerts to channels, by outcome: sent, failed (to be tried again), muted "
            "or gave_up.",
            ["outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "walmart_dead_letters", "Dead letters, by stage.", ["stage"], registry=registry
        )
        self.passed_over = Counter(
            "walmart_passed_over",
            "Bad input that a person said to pass over, by stage: no dead letters.",
            ["stage"],
            registry=registry,
        )
        self.parkings = Counter(
            "walmart_parkings",
            "Times that a partition was parked, by topic.",
            ["topic"],
            registry=registry,
        )
        self.parked_partitions = Gauge(
            "walmart_parked_partitions",
            "Partitions of this worker that are not read until a person says so, by topic.",
            ["topic"],
            registry=registry,
        )
        self.oversized = Counter(
            "walmart_oversized_answers",
            "Items whose answer fits no record, by source: affiliate, items, buy_box or insights.",
            ["source"],
            registry=registry,
        )
        self.stored = Counter(
            "walmart_stored_documents",
            "Documents that MongoDB acknowledged, by collection.",
            ["collection"],
            registry=registry,
        )
        self.storage_outages = Counter(
            "walmart_storage_outages", "Times that MongoDB had to be waited for.", registry=registry
        )
        self.seller_observations = Counter(
            "walmart_seller_observations",
            "Observations made of the seller's own items, by source: items, buy_box or insights.",
            ["source"],
            registry=registry,
        )
        self.seller_errors = Counter(
            "walmart_seller_errors",
            "Failed calls of the seller's side, by error class.",
            ["error"],
            registry=registry,
        )
        self.webhooks = Counter(
            "walmart_webhooks",
            "Webhooks, by outcome: observation, waiting, dead_letter, repeated or refused.",
            ["outcome"],
            registry=registry,
        )
        self.web_failures = Counter(
            "walmart_web_failures",
            "Requests whose token or signature was wrong or missing, by outcome: told (401) or "
            "slowed (429).",
            ["outcome"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "walmart_batch_seconds",
            "Seconds from receiving a batch to acknowledging it, by agent.",
            ["agent"],
            registry=registry,
        )
        self.lag = Gauge(
            "walmart_consumer_lag",
            "Records not yet processed, by topic, of this worker's partitions.",
            ["topic"],
            registry=registry,
        )
        self.log_cuts = Counter(
            "walmart_log_cuts",
            "Times that a log had lost its end and was read again, by topic.",
            ["topic"],
            registry=registry,
        )
        self.expired_unread = Counter(
            "walmart_expired_unread",
            "Records that retention deleted before a worker came to them, by topic.",
            ["topic"],
            registry=registry,
        )
        self.watched_items = Gauge(
            "walmart_watched_items", "Items that this worker polls.", registry=registry
        )
        self.newest_observation_age_seconds = Gauge(
            "walmart_newest_observation_age_seconds",
            "Age of the newest observation that was processed of this worker's partitions.",
            registry=registry,
        )
        self.oldest_due_poll_seconds = Gauge(
            "walmart_oldest_due_poll_seconds",
            "How long the oldest due poll of this worker has been due.",
            registry=registry,
        )
        self.clock_offset_seconds = Gauge(
            "walmart_clock_offset_seconds",
            "How far Walmart's clock is ahead of this machine's.",
            registry=registry,
        )

    def report_answer(self, api: str, seconds: float, success: bool) -> None:
        """Notes an answer of Walmart's *api* that took *seconds*; of a success, the time."""
        self.request_seconds.labels(api).observe(seconds)
        if success:
            self.last_success.labels(api).set_to_current_time()

    def count_log_fault(self, topic: str, kind: str, number: int) -> None:
        """See :class:`walmart_stream.engine.app.StreamApp`."""
        counter = self.log_cuts if kind == "cut" else self.expired_unread
        counter.labels(topic).inc(number)

    def snapshot(self) -> dict[str, dict[str, float]]:
        """Counters and gauges as ``{metric: {label value, or "": value}}``."""
        found: dict[str, dict[str, float]] = {}
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name.endswith("_bucket"):
                    continue
                label = next(iter(sample.labels.values()), "")
                found.setdefault(sample.name, {})[label] = sample.value
        return found
