"""The parts of a worker that know neither Faust nor the data that is processed.

Where each partition stands and which batches begin together; how the process ends, that it ends
when it stands still, and that its memory is bounded.
"""
