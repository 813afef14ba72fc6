"""The web tier: pages, API, validation, submission. It knows neither the engine nor numpy."""

import secrets

from flask import Flask
from flask_bootstrap import Bootstrap5

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import (
    access,
    api,
    batch_pages,
    bulk,
    compare_pages,
    errors,
    formats,
    health,
    openapi,
    pages,
    presets,
    queue_pages,
    result_pages,
    runs_pages,
)
from web.platform import build_platform


def create_app(settings: Settings | None = None) -> Flask:
    """The application; settings come from the environment unless they are given."""
    settings = settings or load_settings()
    configure_logging(settings, role="web")
    app = Flask(__name__)
    app.secret_key = settings.secret_key or secrets.token_hex(32)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the contract's order is the readable one
    app.extensions["platform"] = build_platform(settings)
    access.protect(app)
    errors.register(app)
    formats.register(app)
    Bootstrap5(app)  # only for the static files that it brings; its macros write inline styles
    for module in (
        health,
        api,
        bulk,
        openapi,
        pages,
        runs_pages,
        compare_pages,
        presets,
        result_pages,
        queue_pages,
        batch_pages,
    ):
        app.register_blueprint(module.blueprint)
    return app
