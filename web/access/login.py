"""Log a browser in with a token, and out again."""

import secrets

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from adapters.access.tokens import digest_of
from web.api import operation, read_body
from web.app import platform
from web.security import token_holder

blueprint = Blueprint("access", __name__)

MAX_LOGIN_BYTES = 4096  # of a form with one field, the token


@blueprint.route("/login", methods=["GET", "POST"])
@operation(needs="anybody")
def login() -> ResponseReturnValue:
    """Log a browser in by its token."""
    if request.method == "GET":
        return render_template("access/login.html")
    read_body(MAX_LOGIN_BYTES)
    token = request.form.get("token", "")
    g.actor = token_holder(token)
    if g.actor is None:
        raise Unauthorized("this token is unknown, revoked or expired")
    # the browser acts as its holder until the token expires, is revoked, or the session is ended
    session.update(id=secrets.token_urlsafe(16), token=digest_of(token))
    return redirect(url_for("form.page"))


@blueprint.post("/logout")
@operation(needs="anybody")
def logout() -> ResponseReturnValue:
    """End this browser's session, also for copies of its cookie; the token itself stays valid."""
    if "id" in session:
        platform().tokens.end_session(session["id"])
    session.clear()
    return redirect(url_for("access.login"))
