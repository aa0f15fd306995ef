"""The service: one place where a team runs searches, keeps them and looks at them, over HTTP.

`app` puts it together. Each request has a `Caller`, whose scopes and studies `access` checks. What the service keeps
beside the studies (who owns them, the queue, data sets, models, tokens) is in `tables`, in the same database. Searches
over tables run in processes of their own (`queue`, `job`); for trainers that run elsewhere the service hands out the
tasks of a search and takes their results (`remote`).
"""

from importlib import import_module

PACKAGES = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")  # of the extra `serve`


def check_installed() -> None:
    """Check that what the service needs beside hpo is there.

    Raises:
        PlanError: a package is missing; the message says how to install it.
    """
    from hpo.errors import PlanError
    from studies import extras

    for name in PACKAGES:
        try:
            import_module(name)
        except ModuleNotFoundError:
            raise PlanError(
                f"the service needs the package {name}: {extras.command('serve')}"
            ) from None
