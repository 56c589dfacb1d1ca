"""The reference service: a small FastAPI application, deployed as it would be in production."""

__version__ = "1.0.0"
