"""The pages for people."""

import hmac
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from adapters.database import reading
from adapters.run_queries import run_row
from web.platform import platform

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def dashboard() -> str:
    """The form for a new run."""
    return render_template("dashboard.html")


@blueprint.get("/result/<uuid:run_id>")
def result(run_id: UUID) -> str:
    """One run, a permalink from the first second."""
    with reading(platform().engine) as connection:
        row = run_row(connection, str(run_id))
    return render_template("result.html", run=row)


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Let a browser show its token once."""
    if request.method == "GET":
        return render_template("login.html")
    given = request.form.get("token", "").encode()
    if not any(hmac.compare_digest(given, token.encode()) for token in platform().settings.api_tokens):
        raise Unauthorized("this token is not known")
    session["allowed"] = True
    return redirect(url_for("pages.dashboard"))
