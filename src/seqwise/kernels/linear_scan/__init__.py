"""Linear recurrence with a gate of its own at every step and unit."""
