"""One model and a corpus of any size: tokenizer, tokens on disk, training that can be stopped anywhere, a model that others can load."""
