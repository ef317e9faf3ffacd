"""The version of the package, also for where it runs without being installed."""

VERSION = "0.1.0"
