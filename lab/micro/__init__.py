"""Measures what calls, coroutines, tasks and threads cost, with the scripts of stacks/micro/."""
