"""Searches whose tasks are trained by clients, wherever they run.

`Served` is one search: who has which task, and what clients are answered; `InFlight` what follows from what they say.
`Held` holds it open on a thread of its own and takes the requests for it together. `Remotes` has all that are open.
`records` keeps who has which task.
"""

from hpo.serve.remote.creating import create as create
