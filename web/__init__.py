"""The web tier: pages, API, validation and submission. It never imports the engine."""

import secrets
from importlib import import_module

from flask import Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import formats, security, titles
from web.access import recording
from web.api import register_errors
from web.app import Platform, register_assets, template_context
from web.formats import IdConverter
from web.maintenance import health

# fmt: off
VIEWS = [import_module(f"web.{name}").blueprint for name in (
    "access.login", "access.audit", "maintenance.health", "documents.catalog", "rules.api", "documents.openapi",
    "documents.pages",
    "runs.api", "charts.explanations", "runs.form", "runs.history", "runs.page", "charts.bars",
    "charts.curves", "runs.tables", "runs.comparison", "batches.api", "batches.pages", "batches.choice",
    "screens.api", "screens.pages", "studies.api", "studies.pages", "portfolios.api", "portfolios.pages", "prices.api",
    "prices.pages", "runs.presets", "queue.pages",
)]
# fmt: on


def create_app(settings: Settings | None = None) -> Flask:
    """Create the application; settings default to those of the environment."""
    settings = settings or load_settings()
    configure_logging(settings, role="web")
    app = Flask(__name__, static_folder=None)  # web.app serves the static files
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = settings.secret_key or (
        secrets.token_hex(32),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the contract's order is the readable one
    app.extensions["platform"] = Platform(settings)
    app.url_map.converters["uuid"] = IdConverter
    health.measure(app)
    security.protect(app)
    app.after_request(recording.record_response)
    register_errors(app)
    app.context_processor(template_context)
    filters = (*formats.FILTERS, *titles.FILTERS)
    app.jinja_env.filters |= {each.__name__: each for each in filters}
    register_assets(app)
    for views in VIEWS:
        app.register_blueprint(views)
    return app
