"""What holds for every request: who sends it, how much of it is taken, what is logged and measured."""
