"""Solvers: fixed-step schemes as tableaux, adaptive ones from SciPy. They see a program's functions, never a model."""
