"""Grounded questions and answers, training examples and releases made of them."""
