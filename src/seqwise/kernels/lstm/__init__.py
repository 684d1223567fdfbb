"""Long short-term memory."""
