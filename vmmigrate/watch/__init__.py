"""Watch a gateway's services from outside: what they answer, and for how long they did not."""
