"""The tables of the service, beside the studies in the same database. All their names begin with `hpo_service_`.

Times are naive UTC. Nothing secret is kept: of tokens and sessions only their SHA-256 digests are stored.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

tokens = Table(
    "hpo_service_tokens",
    metadata,
    Column("token_id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("owner", String(100), nullable=False),
    Column("scope", String(10), nullable=False),  # read, run or admin
    Column("digest", String(64), nullable=False, unique=True),
    Column("created", DateTime, nullable=False),
    Column("expires", DateTime),  # null: never
    Column("revoked", DateTime),
    Column("used", DateTime),  # the last time, to the minute
)

sessions = Table(  # of browsers that have signed in with a token
    "hpo_service_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("token_id", Integer, nullable=False),
    Column("created", DateTime, nullable=False),
    Column("expires", DateTime, nullable=False),
)

audit = Table(
    "hpo_service_audit",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("token", String(100)),  # its name
    Column("action", String(200), nullable=False),  # such as POST /api/v1/searches
    Column("status", Integer, nullable=False),
    Column("address", String(100), nullable=False),
    Column("request", String(64), nullable=False),  # its id in the log
)

searches = Table(
    "hpo_service_searches",
    metadata,
    Column("name", String(512), primary_key=True),  # of its study, which may not exist yet
    Column("owner", String(100), nullable=False),
    Column("shared", Boolean, nullable=False),  # whether other owners may look at it
    Column("kind", String(10), nullable=False),  # network: trained here; remote: by whoever asks
    Column("plan", Text, nullable=False),  # JSON, as it was asked for
    Column(
        "wanted", String(10), nullable=False, server_default="run"
    ),  # of remote ones, or pause or cancel
    Column("failed", Text),  # why a remote one has given up; null: it has not
    Column("created", DateTime, nullable=False),
)

jobs = Table(
    "hpo_service_jobs",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),  # search or train
    Column("search", String(512), nullable=False, index=True),
    Column("owner", String(100), nullable=False),
    Column("request", Text, nullable=False),  # JSON: what the job needs beside the search
    Column("state", String(10), nullable=False, index=True),  # see hpo.serve.jobs.queue
    Column("wanted", String(10), nullable=False),  # run, pause or cancel
    Column("reason", Text),  # why it failed or ended early, in one line
    Column("created", DateTime, nullable=False),
    Column("started", DateTime),  # the last time
    Column("ended", DateTime),
    Column(
        "host", Text
    ),  # this and the next two: of the process that runs it; null while none does
    Column("process", Integer),
    Column("process_started", Float),
    Column("heartbeat", DateTime),  # by the database's clock
    Column("progress", Integer, nullable=False),  # what was finished when a process last began it
    Column(
        "deaths", Integer, nullable=False
    ),  # of processes that ran it, since something was finished
)

data_sets = Table(
    "hpo_service_data",
    metadata,
    Column("data_id", String(64), nullable=False),  # of its content and file name
    Column("owner", String(100), nullable=False),
    Column("name", String(100), nullable=False),  # of its file
    Column("bytes", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: what was understood of it without a target
    Column("created", DateTime, nullable=False),
    PrimaryKeyConstraint("data_id", "owner"),
)

models = Table(
    "hpo_service_models",
    metadata,
    Column("model_id", String(64), primary_key=True),
    Column("search", String(512), nullable=False, index=True),
    Column("owner", String(100), nullable=False),
    Column("job_id", Integer, nullable=False),
    Column("bytes", BigInteger),  # null until its file is whole
    Column("created", DateTime, nullable=False),
)

tasks = Table(  # that clients have in training
    "hpo_service_tasks",
    metadata,
    Column("search", String(512), nullable=False),
    Column("task", String(64), nullable=False),
    Column("client", String(100)),  # null: nobody has it any more
    Column(
        "result", Text
    ),  # JSON, of a task that has ended and is recorded with others of its stage
    PrimaryKeyConstraint("search", "task"),
)

answers = Table(  # to requests with an Idempotency-Key, kept for a day
    "hpo_service_answers",
    metadata,
    Column("owner", String(100), nullable=False),
    Column("key", String(200), nullable=False),
    Column("request", String(64), nullable=False),  # a digest of method, path and body
    Column("status", Integer),  # null while the first request is being answered
    Column("headers", Text),  # JSON
    Column("body", LargeBinary),
    Column("created", DateTime, nullable=False, index=True),
    PrimaryKeyConstraint("owner", "key"),
)
