"""One loop for every verb: optimizer, schedule, evaluation, checkpoints that survive a kill."""
