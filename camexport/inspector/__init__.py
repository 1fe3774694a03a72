"""The built-in model: its pictures, its network, its training, its weights."""
