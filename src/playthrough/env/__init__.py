"""Gymnasium environments over an engine and an integration, and nothing else."""
