"""Schedules of cron jobs: their parser and their times.

The API server validates schedules with it, the cron job controller computes times. Imports machinery only.
"""
