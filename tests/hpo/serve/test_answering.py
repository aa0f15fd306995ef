"""What every answer has: an id, headers that protect, a problem document for what goes wrong, and its measures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.testclient import TestClient

from hpo.serve import logs, tables
from hpo.serve.app import PREFIX, make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.problems import ProblemError
from hpo.serve.routes import takes
from hpo.serve.service import Service
from hpo.serve.settings import Limits, Settings
from studies.database.engine import now

HTML = {"Accept": "text/html"}


def problem(answer: Response, status: int) -> dict[str, object]:
    """The problem document of an answer."""
    assert answer.status_code == status, answer.text  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert document["type"] == "about:blank"
    assert document["status"] == status
    assert document["title"]
    assert "\n" not in str(document["detail"])
    return document
