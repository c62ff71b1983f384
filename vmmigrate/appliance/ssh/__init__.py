"""A verified shell on an appliance, whatever its accounts and its sudo are like."""
