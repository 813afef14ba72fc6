"""The database of the application."""

from tests.studies.conftest import engine as engine
