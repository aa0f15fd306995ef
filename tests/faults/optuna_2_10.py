"""How optuna_2_10.sql was made: a study by an Optuna of 2022, whose tables are older than today's.

python -m venv old && old/bin/pip install optuna==2.10.1 'sqlalchemy<2' 'numpy<2' 'setuptools<80'
old/bin/python optuna_2_10.py > optuna_2_10.sql

The same study on a PostgreSQL server, by its URL in place of the file's and psycopg2-binary, was written by
pg_dump --inserts --no-owner --no-privileges into optuna_2_10_postgres.sql, without comments and settings.
"""

import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import optuna


def objective(trial: Any) -> float:
    rate = trial.suggest_loguniform("learning_rate", 1e-5, 1.0)
    units = trial.suggest_int("units", 4, 64, log=True)
    activation = trial.suggest_categorical("activation", ["relu", "tanh"])
    if trial.number == 3:
        raise optuna.TrialPruned
    score = float(1 / (1 + abs(rate - 0.1)) - 1 / units + (activation == "relu") / 10)
    for step in (1, 2):
        trial.report(score * step / 2, step)
    trial.set_user_attr("note", "by hand")
    return score


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "old.db"
        study = optuna.create_study(
            study_name="old",
            storage=f"sqlite:///{file}",
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        study.optimize(objective, n_trials=6)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            sys.stdout.write("\n".join(connection.iterdump()) + "\n")
