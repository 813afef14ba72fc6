"""The frozen contract, contracts/*.schema.json: new fields are added from the code, existing ones never change."""

import json

from adapters.settings import PROJECT_ROOT
from web.documents.contract_schemas import (
    portfolio_schema,
    request_schema,
    result_schema,
    sweep_schema,
)


def freeze_new_fields() -> None:
    """Add the fields of the contracts, and the parts of the result, that are not frozen yet."""
    schemas = {
        "run_request": request_schema(),
        "run_result": result_schema(),
        "sweep": sweep_schema(),
        "portfolio_request": portfolio_schema(),
    }
    for name, now in schemas.items():
        path = PROJECT_ROOT / f"contracts/{name}.schema.json"
        frozen = json.loads(path.read_text("utf-8"))
        for group in frozen.keys() & {"properties", "$defs"}:
            # new ones at the end, existing ones unchanged
            frozen[group] = frozen[group] | now[group] | frozen[group]
        path.write_text(json.dumps(frozen, indent=2) + "\n", "utf-8")
