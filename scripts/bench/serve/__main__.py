"""What the service can take, beside Optuna's gRPC storage proxy on the same machine and database.

    .venv/bin/python -m scripts.bench.serve                     all of it: about half an hour
    .venv/bin/python -m scripts.bench.serve exchange --seconds 5 --clients 16

exchange: asks and tells a second, and the time that one call in a hundred takes longer than, by 1, 16 and 64 clients
on SQLite and on PostgreSQL. viewers: what 1,000 viewers of its events cost a running search. fairness: 100 searches
that ten owners queue, and the order in which they end. start: the time until the first answer. soak: memory while 16
clients ask and tell, and others watch, for ten minutes.

Server and clients are processes of their own, on loopback. A PostgreSQL server is started as for the tests, with
fsync. The peer needs pip install -e '.[peers-serve]'.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from importlib.util import find_spec

from scripts.bench.serve import exchanging, lasting, queueing, viewing

SECTIONS = {
    "start": lasting.start,
    "exchange": exchanging.run,
    "viewers": viewing.run,
    "fairness": queueing.run,
    "soak": lasting.soak,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which; all of them")
    parser.add_argument("--seconds", type=float, default=10, help="of one measurement of exchange")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--storage", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3, help="of searches with and without viewers")
    parser.add_argument("--soak-seconds", type=float, default=600)
    options = parser.parse_args()
    packages = ("optuna", "fastapi", "uvicorn", "sqlalchemy", "grpcio")
    versions = [f"{n} {version(n)}" for n in packages if n != "grpcio" or find_spec("grpc")]
    print(f"{platform.platform()}; Python {platform.python_version()}, {', '.join(versions)}")
    for name in options.sections or SECTIONS:
        print(name, flush=True)
        SECTIONS[name](options)


if __name__ == "__main__":
    main()
