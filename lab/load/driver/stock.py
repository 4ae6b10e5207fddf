"""Stock Locust, for comparison: `python -m lab.load.driver.stock` takes one order as JSON, prints what Locust says.

A `FastHttpUser` with one `client.get` and Locust's own statistics, which start again with the window. Locust knows no open
load: users that pace themselves (`poisson`) stand for it, and wait for each answer before they think of the next request.
"""

import logging
import sys
import time
from typing import Any

import gevent
from locust import FastHttpUser, poisson, task
from locust.env import Environment

from lab.load.protocol import StockOrder, StockSays


def main() -> None:
    """Serve one order from standard input."""
    logging.basicConfig(level=logging.ERROR)
    order = StockOrder.model_validate_json(sys.stdin.readline())
    print(_drive(order).model_dump_json())  # noqa: T201  # the answer


def _drive(order: StockOrder) -> StockSays:
    runner: Any = Environment(user_classes=[_user_class(order)]).create_local_runner()
    runner.start(order.users, spawn_rate=order.users)
    gevent.sleep(order.warmup_s)
    runner.stats.reset_all()
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    gevent.sleep(order.window_s)
    end_s, cpu_s = time.monotonic(), time.process_time() - start_cpu_s
    total = runner.stats.total
    says = StockSays(
        requests=total.num_requests,
        failures=total.num_failures,
        rps=total.num_requests / (end_s - start_s),
        cpu_s=cpu_s,
        percentiles_ms={f"p{p:g}": total.get_response_time_percentile(p / 100) for p in (50, 90, 99, 99.9)},
        window_start_s=start_s,
        window_end_s=end_s,
    )
    runner.quit()
    return says


def _user_class(order: StockOrder) -> type[FastHttpUser]:
    class Stock(FastHttpUser):
        host = order.url

        @task
        def ask(self) -> None:
            self.client.get("/0000000001", name="/")

    if order.rate is not None:
        Stock.wait_time = poisson(order.rate / order.users)
    return Stock


if __name__ == "__main__":
    main()
