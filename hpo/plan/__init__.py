"""What is asked for: the plan of a search, the ranges it searches, and what of it may change later."""
