"""Measures of the service for Prometheus: requests as they are answered, the rest as the tables have it when asked."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hpo.serve.database import ServiceDatabase
from hpo.serve.jobs import queue
from hpo.serve.tables import tasks

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds


class Metrics:
    """The measures of one service. Names of studies and owners are not among the labels, so there are few of these."""

    def __init__(self, database: ServiceDatabase) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "hpo_requests", "Requests answered.", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "hpo_request_seconds", "Seconds from a request to the end of its answer.", ("route",),
            registry=self.registry, buckets=BUCKETS,
        )  # fmt: skip
        self.registry.register(_OfTables(database))
        ProcessCollector(registry=self.registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer, by the template of its path."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All measures in Prometheus's text format."""
        return generate_latest(self.registry)


class _OfTables(Collector):
    def __init__(self, database: ServiceDatabase) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing: the tables are not read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The measures that the tables have."""
        by_state = GaugeMetricFamily(
            "hpo_jobs", "Searches and models, by state.", labels=["kind", "state"]
        )
        training = GaugeMetricFamily(
            "hpo_tasks_in_training", "Tasks that clients have in training."
        )
        with self._database.reading() as connection:
            for (kind, state), count in queue.counts(connection).items():
                by_state.add_metric([kind, state], count)
            query = sa.select(sa.func.count()).where(
                tasks.c.client.is_not(None), tasks.c.result.is_(None)
            )
            training.add_metric([], connection.execute(query).scalar_one())
        yield by_state
        yield training
