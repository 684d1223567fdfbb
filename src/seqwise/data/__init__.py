"""From files to splits, tokens and batches."""
