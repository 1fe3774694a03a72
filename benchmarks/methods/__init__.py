"""The page of all methods: its text from the registry, its pictures and its chart."""
