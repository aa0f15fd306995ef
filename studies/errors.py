"""What can go wrong with stored studies. Each message is one line that names the study or the database.

StoreError
├── NoSuchStudyError
├── StudyExistsError
├── LeaseError
└── ConnectionLostError
"""


class StoreError(Exception):
    """A database or a study in it can't be used as asked; the message says what would be right."""


class NoSuchStudyError(StoreError):
    """The database has no study of that name."""


class StudyExistsError(StoreError):
    """The database already has a study of that name."""


class LeaseError(StoreError):
    """Another process holds the study, or has taken it over from this one."""


class ConnectionLostError(StoreError):
    """The connection to a server broke or could not be made; trying again may help."""
