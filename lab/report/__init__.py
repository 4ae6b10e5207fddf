"""From a run's originals to what people read: summary.csv, comparisons.csv, report.md, report.html, charts/."""
