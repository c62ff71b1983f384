"""vmmigrate: replace a CipherMail gateway appliance by its new release, and be able to go back."""

__version__ = "0.2.0"
