"""Alerts: rules, the conditions that they name, and the machine that turns looks into alerts.

Pure: :func:`~walmart_stream.domain.alerts.engine.run` takes what was observed, in log order, and
gives the steps of alerts. Times are epoch milliseconds of the observations, money is cents.
"""
