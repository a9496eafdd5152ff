"""What a model's files say: names, units, documentation, equations, tables, parameters and scenarios."""
