"""The update of a gateway that was installed from packages: which packages, on which kind of host, in which order."""
