"""The queue of jobs, and the processes that run them."""
