"""The web tier: pages, API, validation, submission. It knows no engine."""

import secrets
from importlib import import_module

from flask import Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import assets, errors, formats, guard, titles
from web.access import recording
from web.frame import frame
from web.parsers import IdConverter
from web.platform import Platform
from web.upkeep import health

# fmt: off
VIEWS = [import_module(f"web.{name}").blueprint for name in (
    "guard", "access.audit", "upkeep.health", "documents.catalog", "rules.api", "documents.openapi", "documents.pages",
    "runs.api", "charts.explanations", "runs.form", "runs.history", "runs.page", "charts.bars",
    "charts.curves", "runs.tables", "runs.comparison", "batches.api", "batches.pages", "batches.choice",
    "screens.api", "screens.pages", "studies.api", "studies.pages", "portfolios.api", "portfolios.pages", "prices.api",
    "prices.pages", "runs.presets", "queue.pages",
)]
# fmt: on


def create_app(settings: Settings | None = None) -> Flask:
    """The application; settings come from the environment unless they are given."""
    settings = settings or load_settings()
    configure_logging(settings, role="web")
    app = Flask(__name__, static_folder=None)  # web.assets serves the static files
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = settings.secret_key or (
        secrets.token_hex(32),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the contract's order is the readable one
    app.extensions["platform"] = Platform(settings)
    app.url_map.converters["uuid"] = IdConverter
    health.measure(app)
    guard.protect(app)
    app.after_request(recording.note)
    errors.register(app)
    app.context_processor(frame)
    filters = (*formats.FILTERS, *titles.FILTERS)
    app.jinja_env.filters |= {each.__name__: each for each in filters}
    assets.register(app)
    for views in VIEWS:
        app.register_blueprint(views)
    return app
