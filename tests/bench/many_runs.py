"""A table of a million runs, made by the database itself within a minute or two: what a year of use leaves behind."""

from sqlalchemy.engine import Engine

TICKERS, BATCHES, LABELS = 50, 1000, 200
# of the ledger; each actor has tried rules on a quarter of the series
SERIES, ACTORS = 400, 50

# Everything follows from the row's number: `r…` are fractions between 0 and 1 that look random and never change.
_ROWS = """
INSERT INTO backtest_results (
  run_id, plan_id, label, ticker, timeframe, rule_type, rule_id, params_json, request_json, request_hash, status,
  attempt, losses, handbacks, cancel_requested, waiting_since, enqueued_at, started_at, completed_at, created_at,
  error_type, error_message, total_return_pct, sharpe_ratio, max_drawdown_pct, num_trades, metrics_json,
  equity_curve_json, trades_json, signals_json, sparkline, data_hash, engine_version, image_tag, result_hash)
SELECT
  CONCAT(LPAD(HEX(seq), 8, '0'), '-0000-4000-8000-', LPAD(HEX(seq), 12, '0')),
  IF(r1 < 0.8, CONCAT('00000000-0000-4000-8000-', LPAD(seq DIV {per_batch}, 12, '0')), NULL),
  IF(r2 < 0.02, CONCAT('idea ', FLOOR(r3 * {labels})), NULL),
  CONCAT('TICK', LPAD(FLOOR(r1 * r3 * {tickers}), 2, '0')), '1d',
  ELT(1 + FLOOR(r4 * 13), 'RSI', 'MACD', 'RSI_MACD', 'MA_CROSS', 'BOLLINGER', 'VOLUME', 'TREND', 'ATR', 'MOMENTUM',
      'VALUE', 'MEAN_REVERSION', 'BREAKOUT', 'COMPOSITE'),
  CONCAT('RSI_', FLOOR(r5 * 30), '_30_70'), '{{"period":14,"oversold":30,"overbought":70}}',
  CONCAT('{{"start_date":"2004-01-01","end_date":"2013-03-01","q":"', REPEAT('q', 540), '"}}'),
  SHA2(seq, 256),
  IF(seq > {waiting}, 'PENDING', IF(r6 < 0.01, 'FAILED', 'SUCCEEDED')), 1, 0, 0, 0,
  born, born, IF(seq > {waiting}, NULL, born + INTERVAL 1 SECOND), IF(seq > {waiting}, NULL, born + INTERVAL 2 SECOND),
  born, IF(r6 < 0.01, 'engine_error', NULL), NULL,
  IF(done, (r5 + r2 - 0.9) * 100, NULL), IF(done, (r5 + r3 - 0.9) * 2, NULL), IF(done, r2 * 60, NULL),
  IF(done, FLOOR(r3 * 200), NULL),
  IF(done, CONCAT('{{"values":{{"total_return_pct":', r5, ',"sharpe_ratio":', r3, ',"max_drawdown_pct":', r2,
    ',"num_trades":9}},"notes":{{"m":"', REPEAT('m', 580), '"}}}}'), NULL),
  NULL, NULL, NULL, REPEAT('aBcD', 12), SHA2(r1, 256),
  '1.0.0', 'bench', SHA2(r2, 256)
FROM (
  SELECT seq, TIMESTAMP '2025-01-01 00:00:00' + INTERVAL seq * 30 SECOND AS born,
    CONV(SUBSTR(hash, 1, 8), 16, 10) / 4294967296 AS r1, CONV(SUBSTR(hash, 9, 8), 16, 10) / 4294967296 AS r2,
    CONV(SUBSTR(hash, 17, 8), 16, 10) / 4294967296 AS r3, CONV(SUBSTR(hash, 25, 8), 16, 10) / 4294967296 AS r4,
    CONV(SUBSTR(hash, 33, 8), 16, 10) / 4294967296 AS r5, CONV(SUBSTR(hash, 41, 8), 16, 10) / 4294967296 AS r6,
    seq <= {waiting} AND CONV(SUBSTR(hash, 41, 8), 16, 10) / 4294967296 >= 0.01 AS done
  FROM (SELECT seq, SHA2(seq, 256) AS hash FROM bench_numbers) AS hashed
) AS numbers
"""
_PLANS = """
INSERT INTO plans (plan_id, kind, name, starts, created_at)
SELECT CONCAT('00000000-0000-4000-8000-', LPAD(seq, 12, '0')), 'batch', CONCAT('sweep-', seq), 0, '2025-01-01 00:00:00'
FROM bench_numbers
"""
_LEDGER = """
INSERT INTO ledger (ticker, timeframe, actor, tried, distinct_rules, hashes, first_day, last_day, since, latest)
SELECT CONCAT('TICK', LPAD(seq DIV {actors}, 3, '0')), '1d', IF(is_total, '', CONCAT('actor-', MOD(seq, {actors}))),
  FLOOR(share * 60000), FLOOR(share * 20000), REPEAT('q', 8 * LEAST(4096, FLOOR(share * 20000))),
  '2000-03-01', '2013-03-01', '2025-01-01 00:00:00', '2025-12-01 00:00:00'
FROM (
  SELECT seq, MOD(seq, {actors}) = 0 AS is_total, CONV(SUBSTR(hash, 1, 8), 16, 10) / 4294967296 AS share,
    CONV(SUBSTR(hash, 9, 8), 16, 10) / 4294967296 AS r
  FROM (SELECT seq, SHA2(seq, 256) AS hash FROM bench_numbers) AS hashed
) AS numbers
WHERE is_total OR r < 0.25
"""
CHUNK = 100_000


def fill(engine: Engine, rows: int) -> None:
    """Insert `rows` runs, oldest first; the last hundred of them wait. MariaDB and MySQL."""
    per_batch = max(rows // BATCHES, 1)
    _insert(engine, _PLANS, range(rows // per_batch + 1))
    statement = _ROWS.format(
        per_batch=per_batch, labels=LABELS, tickers=TICKERS, waiting=rows - 100
    )
    for first in range(1, rows + 1, CHUNK):
        _insert(engine, statement, range(first, min(first + CHUNK, rows + 1)))
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE TABLE backtest_results")


def fill_ledger(engine: Engine) -> None:
    """Insert the counts of SERIES series by ACTORS actors."""
    _insert(engine, _LEDGER.format(actors=ACTORS), range(SERIES * ACTORS))


def _insert(engine: Engine, statement: str, numbers: range) -> None:
    """Run an INSERT that selects from a table of these numbers."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE bench_numbers (seq INT PRIMARY KEY)")
        rows = [(number,) for number in numbers]
        connection.exec_driver_sql("INSERT INTO bench_numbers VALUES (%s)", rows)
        connection.exec_driver_sql("SET SESSION unique_checks=0")
        connection.exec_driver_sql(statement)
