# %% [markdown]
# # Fine-tune a pretrained LSTM the way one fine-tunes BERT
# Everything below is ordinary Hugging Face code; `import seqwise` makes the models known to it and nothing else. Run it as a script
# (`python examples/lstm_tiny.py`) or cell by cell in an editor that knows `# %%`. It needs no network unless `--push-to` is given.

# %%
import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    pipeline,
    set_seed,
)

import seqwise
from seqwise.data.demos import docstrings

options = argparse.ArgumentParser()
options.add_argument("--model", default="lstm-tiny", help="a pretrained model of the package, or a folder")
options.add_argument("--push-to", help="USER/NAME on the hub; default: nothing is pushed")
options.add_argument("--epochs", type=float, default=4.0)
given, _ = options.parse_known_args()
pretrained = given.model if Path(given.model).is_dir() else seqwise.path(given.model)
set_seed(0)

# %% [markdown]
# ## Data
# 2,500 documentation strings of the Python that runs this; the label is the part of the standard library that each comes from.

# %%
data = Dataset.from_dict(docstrings().columns).class_encode_column("label")
names = data.features["label"].names
parts = data.train_test_split(test_size=0.2, stratify_by_column="label", seed=0)
tokenizer = AutoTokenizer.from_pretrained(pretrained)
parts = parts.map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True, remove_columns="text")
print(f"{len(parts['train']):,} texts to learn from, {len(parts['test']):,} to be judged by, {len(names)} classes")

# %% [markdown]
# ## Model
# The pretrained backbone with a new classification layer. The library reports what it left out (the output over the vocabulary) and
# what is new (`score`).

# %%
model = AutoModelForSequenceClassification.from_pretrained(
    pretrained, id2label=dict(enumerate(names)), label2id={name: number for number, name in enumerate(names)}
)
print(f"{model.config.layer_types}, {model.num_parameters():,} parameters")

# %% [markdown]
# ## Training
# A recurrent model of this size wants a larger learning rate than BERT does.

# %%
workplace = tempfile.mkdtemp()
arguments = TrainingArguments(
    workplace,
    num_train_epochs=given.epochs,
    per_device_train_batch_size=32,
    per_device_eval_batch_size=64,
    learning_rate=2e-3,
    warmup_steps=0.1,
    lr_scheduler_type="linear",
    logging_steps=20,
    save_strategy="no",
    report_to=[],
    dataloader_pin_memory=torch.cuda.is_available(),
)


def accuracy(answers):
    return {"accuracy": float(np.mean(answers.predictions.argmax(-1) == answers.label_ids))}


trainer = Trainer(
    model=model,
    args=arguments,
    train_dataset=parts["train"],
    eval_dataset=parts["test"],
    data_collator=DataCollatorWithPadding(tokenizer),
    compute_metrics=accuracy,
)
trainer.train()

# %% [markdown]
# ## Evaluation
# Beside the share of the most frequent class, which is what knowing nothing comes to.

# %%
scores = trainer.evaluate()
most_frequent = np.bincount(parts["test"]["label"]).max() / len(parts["test"])
print(f"accuracy {scores['eval_accuracy']:.3f}, most frequent class {most_frequent:.3f}")

# %% [markdown]
# ## Saving, loading, answering
# The folder is a Hugging Face model like any other: safetensors, `config.json`, tokenizer.

# %%
saved = f"{workplace}/finetuned"
trainer.save_model(saved)
tokenizer.save_pretrained(saved)
text = "Return the event loop that runs in this thread, and wait until all its tasks and futures are done."
classify = pipeline("text-classification", saved, device=model.device)
answer = classify(text)[0]
print(f"saved in {saved}: {answer['label']} {answer['score']:.6f}")

# %% [markdown]
# ## Sharing
# After `hf auth login`. Whoever loads it by its name gets the same answers.

# %%
if given.push_to:
    shared = AutoModelForSequenceClassification.from_pretrained(saved)
    shared.push_to_hub(given.push_to)
    tokenizer.push_to_hub(given.push_to)
    again = pipeline("text-classification", given.push_to, device=model.device)(text)[0]
    print(f"loaded as {given.push_to}: {again['label']} {again['score']:.6f}")
