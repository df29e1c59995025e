"""The job controller (pkg/controller/job).

`controller` has the queues and the sync, `state` what a sync knows of a job, `finish` when a job ends.
`pods` creates and deletes pods, `tracking` counts ended pods. Imports framework.
"""
