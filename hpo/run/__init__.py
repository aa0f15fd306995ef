"""Running a search: from its first trial to the last confirmation, recorded step by step."""
