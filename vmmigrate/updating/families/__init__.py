"""The families of distributions, one table a file. A new one is a file here, and a name in `distributions.py`."""
