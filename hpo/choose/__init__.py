"""What to try next: pure functions of the plan, the seed and the recorded history."""
