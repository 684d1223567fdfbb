"""Long short-term memory whose gates see the input alone."""
