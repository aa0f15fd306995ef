"""What this service is, and whom it takes the caller for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hpo.serve.caller import Reads
from hpo.serve.service import TheService
from hpo.version import __version__

router = APIRouter(tags=["about"])


@router.get("")
def about(caller: Reads, service: TheService) -> dict[str, Any]:
    """The version of the service, its limits, and whom it takes the caller for."""
    return {
        "version": __version__,
        "owner": caller.owner,
        "scope": caller.scope,
        "limits": service.settings.limits.model_dump(),
    }
