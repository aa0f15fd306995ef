"""The database: how studies are stored, who may write to them, and how they are read."""
