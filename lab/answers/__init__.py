"""From what a run measured to verdicts on statements: estimates, the decision rule, answers."""
