"""All that is known about one appliance, seen from outside: console, shell, TLS, mail, network, database."""
