"""Sweep files that use each part of the format, by name; their runs are held in expansions.json."""

from tests.services.processes import PROJECT_ROOT

EXAMPLES = PROJECT_ROOT / "docs" / "examples"
_BASE = "ticker: AAPL, start_date: 2004-01-01, end_date: 2006-12-31"
_FORMULA = """base:
  ticker: AAPL
  start_date: 2004-01-01
  end_date: "2006-12-31"
  rule_type: FORMULA
  params:
    buy: crosses_above(ema(close, fast), ema(close, slow))
    sell: crosses_below(ema(close, fast), ema(close, slow))
    inputs: {fast: {value: 12, min: 2, max: 100}, slow: 26}
"""
TEXTS = {
    "tickers": """name: Crossed, with charts!
base: {tickers: [IBM, AAPL, IBM], start_date: 2004-01-01, end_date: 2006-12-31, rule_type: MA_CROSS, charts: true,
       params: {kind: ema, slow: 60}, fee_rate: 0.002}
parameters: {fast: [10, 5, 10], kind: [ema, sma]}
metric: {name: max_drawdown_pct}
""",
    "decimals": f"""base: {{{_BASE}, rule_type: BOLLINGER}}
parameters: {{width: {{min: 0.5, max: 3, step: 0.1}}, period: {{values: [10, 20]}}}}
where: "width * period > 20 and 5 < period <= 20"
metric: calmar_ratio
constraints: "num_trades >= 5"
""",
    "words": f"""base: {{{_BASE}, rule_type: MA_CROSS}}
parameters: {{kind: [sma, ema], fast: {{min: 5, max: 50, step: 5}}, slow: 50}}
where: ["kind == 'ema'", "-fast / 2 != -10", "fast + 10 <= slow"]
metric: {{name: total_return_pct, goal: minimize}}
constraints: ["num_trades >= 1", "max_drawdown_pct < 30 and sharpe_ratio > 0"]
""",
    "listed": f"""name: Listed
base: {{{_BASE}, rule_type: MA_CROSS, params: {{fast: 7}}}}
method: list
parameters: [{{fast: 5, slow: 9}}, {{slow: 30}}, {{slow: 30}}]
""",
    "drawn of few": """base: {ticker: [AAPL, IBM], start_date: 2004-01-01, end_date: 2006-12-31, rule_type: RSI}
method: random
parameters: {period: {min: 2, max: 60, step: 1}, oversold: [20, 25, 30]}
where: ["overbought - oversold >= 45", "period != 14"]
run_cap: 51
seed: 3
""",
    "drawn of many": f"""base: {{{_BASE}, rule_type: RSI_MACD}}
method: random
parameters:
  fast: {{min: 2, max: 100, step: 1}}
  slow: {{min: 3, max: 300, step: 1}}
  signal: {{min: 2, max: 100, step: 1}}
where: ["fast < slow / 8"]
run_cap: 100
""",
    "all of few": f"""base: {{{_BASE}, rule_type: RSI}}
method: random
parameters: {{period: [7, 14, 21]}}
""",
    "inputs": _FORMULA
    + """parameters: {inputs.fast: {min: 5, max: 15, step: 5}, inputs.slow: [10, 20]}
where: ["inputs.fast < inputs.slow"]
""",
    "input as it is": _FORMULA
    + """parameters: {inputs.fast: {min: 5, max: 40, step: 5}}
where: ["inputs.fast < inputs.slow"]
""",
    "one": f"base: {{{_BASE}, rule_type: RSI}}\n",
}
_FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.yaml"))}
# the command line replaces a code_file by its text before the platform sees it; rotations are expanded by the platform
TEXTS |= {
    name: text
    for name, text in _FILES.items()
    if "code_file" not in text and "mode: ranked" not in text
}
