"""The web tier: pages, API, validation, submission. It knows neither the engine nor numpy."""

import secrets

from flask import Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import access, assets, errors, formats, health, latency, navigation, storage
from web.audit import pages as audit_pages
from web.audit import trail
from web.batches import api as batches_api
from web.batches import pages as batches_pages
from web.documents import catalog, openapi
from web.documents import pages as documents_pages
from web.platform import build_platform
from web.presets import api as presets_api
from web.prices import api as prices_api
from web.prices import pages as prices_pages
from web.queue import pages as queue_pages
from web.rules import api as rules_api
from web.runs import api as runs_api
from web.runs import bars, breakdown, comparison, curves, explanations, form, history, page, report, tables
from web.studies import api as studies_api
from web.studies import pages as studies_pages

BLUEPRINTS = (
    access.blueprint,
    audit_pages.blueprint,
    health.blueprint,
    catalog.blueprint,
    rules_api.blueprint,
    openapi.blueprint,
    documents_pages.blueprint,
    runs_api.blueprint,
    explanations.blueprint,
    form.blueprint,
    history.blueprint,
    page.blueprint,
    report.blueprint,
    bars.blueprint,
    curves.blueprint,
    tables.blueprint,
    comparison.blueprint,
    batches_api.blueprint,
    batches_pages.blueprint,
    studies_api.blueprint,
    studies_pages.blueprint,
    prices_api.blueprint,
    prices_pages.blueprint,
    presets_api.blueprint,
    queue_pages.blueprint,
    storage.blueprint,
)


def create_app(settings: Settings | None = None) -> Flask:
    """The application; settings come from the environment unless they are given."""
    settings = settings or load_settings()
    configure_logging(settings, role="web")
    app = Flask(__name__, static_folder=None)  # web.assets serves the static files
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = settings.secret_key or (secrets.token_hex(32),)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the contract's order is the readable one
    app.extensions["platform"] = build_platform(settings)
    latency.measure(app)
    access.protect(app)
    trail.follow(app)
    errors.register(app)
    formats.register(app)
    navigation.register(app)
    breakdown.register(app)
    assets.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
