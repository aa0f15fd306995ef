"""The service: one place where a team runs searches, keeps them and looks at them, over HTTP.

`app` puts it together. Each request has a `Caller`, whose scopes and studies `access` checks. What the service keeps
beside the studies (who owns them, the queue, data sets, models, tokens) is in `tables`, in the same database. Searches
over tables run in processes of their own (`queue`, `job`); for trainers that run elsewhere the service hands out the
tasks of a search and takes their results (`remote`).
"""
