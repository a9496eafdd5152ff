"""Model, solver and design to results: what is asked becomes arrays, arrays become runs, runs become datasets."""
