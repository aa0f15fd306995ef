"""Where tasks train: on threads of this process, or also in worker processes."""
