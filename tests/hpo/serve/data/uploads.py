"""A small table, and uploads of it."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from hpo.serve.service import Service

PENGUINS = (
    b"species,bill,island\n"
    + b"Adelie,39.1,Torgersen\nGentoo,46.5,Biscoe\nAdelie,38.2,Dream\nGentoo,47.1,Biscoe\n" * 5
)

Serve = Callable[..., tuple[Service, httpx.Client]]


def put(client: httpx.Client, name: str, content: bytes, **caller: str) -> str:
    answer = client.post("/data", params={"name": name}, content=content, headers=caller)
    assert answer.status_code == 201, answer.text
    data_id: str = answer.json()["id"]
    return data_id


def files(service: Service) -> list[str]:
    """All files and folders in the folder of the data."""
    return sorted(str(p.relative_to(service.data_folder)) for p in service.data_folder.rglob("*"))
