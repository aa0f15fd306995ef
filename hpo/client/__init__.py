"""Clients of a service (`hpo serve`), on any machine.

`Client` has a call for whatever the service does. `driving` trains the tasks of a search here, with an executor, as the
loop of a search at home does; `Client.search` and `hpo worker` use it.
"""

from hpo.client.client import Client as Client
