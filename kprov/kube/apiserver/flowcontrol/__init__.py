"""Priority and fairness: which request runs now, which waits, and which has to come again.

Called by the server before authorization. FlowSchemas name a request's priority level, each level has seats
of its own, and within a level flows are kept apart by queues. Source: apiserver/pkg/util/flowcontrol.
"""
