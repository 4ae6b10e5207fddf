"""Charts of a report: one Vega-Lite definition each, for the HTML report, for SVG and for PNG."""
