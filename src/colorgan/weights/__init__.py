"""Weights: the generator file, the registry, the store on this machine."""
