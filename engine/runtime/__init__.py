"""What every process needs to run: loops, lock-step time, batches of requests, workers, keys and logging.

Nothing here knows what an alert is. Start with `loop_runner`.
"""
