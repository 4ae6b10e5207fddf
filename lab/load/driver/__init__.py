"""The one long-lived process that drives the load: `python -m lab.load.driver`.

Only this package imports locust (gevent patches everything), and only inside that process.
"""
