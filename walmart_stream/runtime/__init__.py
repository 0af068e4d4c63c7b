"""What a process that runs for months needs of Python, its libraries and the kernel.

How it ends, that it ends when it stands still, and that its memory is bounded. Knows neither Faust
nor what is processed.
"""
