"""Postfix's queues: listed, copied from one machine into another, and accounted for, message by message."""
