"""The tables that owners upload."""
