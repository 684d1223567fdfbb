"""One backbone for all families; only the mixer differs. All of it are Hugging Face models."""
