"""A portfolio's Job starts from its first leg's request, and takes none of that run's labels."""

import json
from dataclasses import fields
from typing import Annotated

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.queue.messages import RunMessage, message_fields
from adapters.tables import runs
from consumer.leader import portfolios
from contracts import run_request
from contracts.run_request import About, RunRequest, about
from contracts.values import frozen_by_name
from tests.services.jobs import run_all
from tests.services.portfolios import leader, submit_portfolio


@frozen_by_name
class RequestWithColour(RunRequest):
    """A run request with one more label field."""

    colour: Annotated[str | None, About("Colour", "label")] = None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_new_label_field_of_a_leg_stays_out_of_the_portfolio(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    portfolio_id = submit_portfolio(client, label="mine")
    run_all(engine)
    with engine.begin() as connection:
        for row in connection.execute(select(runs.c.run_id, runs.c.request_json)).all():
            theirs = {"colour": "red", "label": "theirs", "tags": ["theirs"]}
            text = json.dumps(json.loads(row.request_json) | theirs)
            of_leg = update(runs).where(runs.c.run_id == row.run_id)
            connection.execute(of_leg.values(request_json=text))
    labels = {each.name for each in fields(RequestWithColour) if about(each).section == "label"}
    monkeypatch.setattr(run_request, "FIELD_NAMES", (*run_request.FIELD_NAMES, "colour"))
    monkeypatch.setattr(portfolios, "RunRequest", RequestWithColour)
    monkeypatch.setattr(portfolios, "LABEL_FIELDS", labels)

    leader(engine).advance()

    with reading(engine) as connection:
        row = connection.execute(select(runs).filter_by(run_id=portfolio_id)).mappings().one()
    request = json.loads(row["request_json"])
    assert (request["colour"], request["label"], request["tags"]) == (None, "mine", [])
    message = json.dumps(message_fields(RunMessage.of_stored(portfolio_id, 1, request)))
    stored = str(dict(row)) + message
    assert '"red"' not in stored and "theirs" not in stored
