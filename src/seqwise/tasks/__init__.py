"""User tasks: one file each, and a line in this table."""

from seqwise.core.registry import Registry

TASKS = Registry("task", {"text-classification": "seqwise.tasks.text_classification:TextClassification"})
