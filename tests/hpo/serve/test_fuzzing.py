"""Whatever the API is sent, it answers as its OpenAPI document says, and never with a fault of its own."""

from __future__ import annotations
