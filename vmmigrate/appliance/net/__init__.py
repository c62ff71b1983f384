"""The guest's network and its firewall."""
