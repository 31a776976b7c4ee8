"""Alerts: usage flows against thresholds, for credit limits and fraud. docs/alerts.md tells what a rule means."""
