"""The database: how studies are stored, by whom they are written, and how they are read again."""
