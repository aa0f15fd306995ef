"""Whatever the API is sent, it answers as its OpenAPI document says, and never with a fault of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error

from hpo.serve.app import make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Settings
