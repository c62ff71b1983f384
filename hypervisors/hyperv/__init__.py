"""The adapter for Hyper-V: PowerShell scripts on the host, over SSH. Never run against a real Hyper-V."""
