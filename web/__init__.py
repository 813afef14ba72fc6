"""The web tier: pages, API, validation, submission. It knows no engine."""

import secrets

from flask import Flask

from adapters.logs import configure_logging
from adapters.settings import Settings, load_settings
from web import assets, errors, formats, guard, navigation, titles
from web.access import audit, recording
from web.batches import api as batches_api
from web.batches import exploring
from web.batches import pages as batches_pages
from web.charts import bars, curves, explanations
from web.documents import catalog, openapi
from web.documents import pages as documents_pages
from web.platform import build_platform
from web.portfolios import api as portfolios_api
from web.portfolios import pages as portfolios_pages
from web.prices import api as prices_api
from web.prices import pages as prices_pages
from web.queue import pages as queue_pages
from web.rules import api as rules_api
from web.runs import api as runs_api
from web.runs import comparison, form, history, page, report, tables
from web.runs import presets as presets_api
from web.screens import api as screens_api
from web.screens import pages as screens_pages
from web.studies import api as studies_api
from web.studies import pages as studies_pages
from web.upkeep import health, latency

# fmt: off
MODULES = (
    guard, audit, health, catalog, rules_api, openapi, documents_pages, runs_api, explanations, form, history,
    page, report, bars, curves, tables, comparison, batches_api, batches_pages, exploring, screens_api, screens_pages,
    studies_api, studies_pages, portfolios_api, portfolios_pages, prices_api, prices_pages, presets_api, queue_pages,
)
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
    app.extensions["platform"] = build_platform(settings)
    latency.measure(app)
    guard.protect(app)
    recording.follow(app)
    errors.register(app)
    formats.register(app)
    titles.register(app)
    navigation.register(app)
    assets.register(app)
    for module in MODULES:
        app.register_blueprint(module.blueprint)
    return app
