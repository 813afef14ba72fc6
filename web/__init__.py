"""The web tier: pages, API, validation and submission. It never imports the engine."""

import secrets
from importlib import import_module

from flask import Blueprint, Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import access, formats, maintenance, security, titles
from web.api import register_errors
from web.app import Platform, register_assets, template_context
from web.formats import IdConverter

VIEWS = (
    "access maintenance documents.catalog documents.openapi rules.api runs.api runs.form runs.history runs.page "
    "runs.timeline runs.comparison runs.presets charts.bars charts.explanations batches.api batches.pages "
    "screens.views studies.views robustness ledger receipts portfolios.api portfolios.pages prices vaults queue"
)
BLUEPRINTS = [
    each
    for name in VIEWS.split()
    for each in vars(import_module(f"web.{name}")).values()
    if isinstance(each, Blueprint)
]


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
    maintenance.measure(app)
    security.protect(app)
    app.after_request(access.record_response)
    register_errors(app)
    app.context_processor(template_context)
    filters = (*formats.FILTERS, *titles.FILTERS)
    app.jinja_env.filters |= {each.__name__: each for each in filters}
    register_assets(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
