"""All imports that a Job defers until it needs them, loaded ahead by the scaler's template and by a waiting Job."""

import secrets  # noqa: F401
from datetime import datetime

import pymysql  # noqa: F401
import sqlalchemy.dialects.mysql.pymysql
import sqlalchemy.dialects.sqlite  # noqa: F401
from sqlalchemy import make_url

import consumer.job.task
import consumer.kinds.draw_charts
import consumer.kinds.portfolio
import consumer.kinds.screen  # noqa: F401
import rules.explanation
import rules.formula.compiling
import rules.formula.evaluation  # noqa: F401


def load_lazy_parts() -> None:
    """Make libraries load and compile what they put off until first use: 5 ms of each Job."""
    make_url("sqlite://")
    "localhost".encode("idna")
    # in the format in which RQ dates its messages
    datetime.strptime("2000-01-01T00:00:00.000000Z", "%Y-%m-%dT%H:%M:%S.%fZ")
