"""Runs a user's trainers for a process of fedloom: one request after the other, tensors through a shared file."""
