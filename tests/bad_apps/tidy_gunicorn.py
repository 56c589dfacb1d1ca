"""Gunicorn's own lines in the form of the app's."""

from tidy import LOGGING

logconfig_dict = LOGGING
