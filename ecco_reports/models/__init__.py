"""What is explained: language models, found out by running them. Tensors do not leave this package and ``methods``."""
