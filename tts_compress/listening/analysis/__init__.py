"""From answers to findings: who attended, what differs, how sure that is."""
