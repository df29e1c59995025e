"""The cron job controller (pkg/controller/cronjob): `times` says when, `controller` creates the jobs.

Imports framework and the conditions of jobs.
"""
