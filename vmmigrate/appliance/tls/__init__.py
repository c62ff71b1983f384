"""The TLS pairs of an appliance: read, judged, laid out, put in place, proved."""
