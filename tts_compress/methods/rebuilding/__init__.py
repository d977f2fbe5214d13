"""Networks of other shapes: units cut out, norms folded in, weights as products."""
