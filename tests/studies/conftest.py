"""The database of the application."""

import pytest
from flask import Flask
from sqlalchemy.engine import Engine


@pytest.fixture
def engine(app: Flask) -> Engine:
    """The engine that the application works with."""
    database: Engine = app.extensions["platform"].engine
    return database
