"""Answers of the HTTP API in the notation of `object_schema`; those of the contract come from its dataclasses."""

from contracts.status import RunStatus

_RUN_TIMES = "created_at started_at completed_at: moment?, queue_wait_s run_s: number?"
_BARS = """
    total first bars_per_point price_decimals: count, time: times
    open high low close volume: number[]"""
_VERSION = """
    ticker timeframe data_hash first_bar last_bar: text, bars: count, bars_per_year: count?
    closes_only is_current: flag, source note loaded_by: text?, loaded_at: moment?"""
_STUDY = """
    study_id title name kind ticker rule_type: text, status: study_state
    outcome: holds|luck|fails|none?, sentence: text?, created_at completed_at: moment?"""
_PORTFOLIO = """
    portfolio_id title name: text, status: state, created_at completed_at: moment?"""

# objects without a name in the document: they are inlined wherever they are used
PARTS = {
    "state_counts": f"{' '.join(status.public for status in RunStatus)}: count",
    "place": "line column: count",
    "condition": "side: buy|sell, words: text, met: flag?, member?: text",
    "side": "met: flag?, words: text",
    "sides": "buy sell: side",
    "line": """
        name: text, pane: price|below
        group: text  # lines of one group share a pane
        levels: number[], values: number?[]""",
    "curve": """
        run_id name: text, bars_per_point: count, time: times, growth_pct drawdown_pct: number[]""",
    "benchmark_curve": "name: text, time: times, growth_pct: number?[]",
    "entry": """
        id: count, at: moment?, actor: text?, address action subject: text, status: count
        run_id batch_id: text?""",
    "spread": "average p50 p95 p99 max: number?",
    "named_run": "run_id ticker rule_type: text",
    "study": _STUDY,
    "jobs": "training test: count",
    "listed_portfolio": f"""{_PORTFOLIO}
        mode: mode, tickers: text[], legs: count
        total_return_pct sharpe_ratio max_drawdown_pct: number?""",
    "leg": """
        ticker rule_type run_id: text, params: object, weight: number?
        data_hash rule_id error_message: text?, status: pending|running|completed|failed|deleted
        contribution: number?  # money, to the profit; null until it has completed
        first_date? last_date?: text, ends?: flag""",
    "order": "date ticker reason: text, leg: count, side: BUY|SELL",
    "left_out": """
        counts: count{}  # by reason
        orders: order[]""",
    "weights": """
        dates: text[]
        money: number[][]  # by leg""",
    "correlations": "legs: count[], of: number?[][]",
    "held": "name: text, equity: number?[]",
    "series_version": _VERSION,
    "version": f"""{_VERSION}
        runs: count, report: object?""",
}
ANSWERS = {
    "Bars": _BARS,
    "RunBars": f"""{_BARS}
        equity holding drawdown_pct position: number[], rolling_sharpe: number?[]
        benchmark: text?  # the ticker that the run is held against
        benchmark_equity: number?[]?  # of holding it; null before its first bar and after its last
        trade_count: count  # trades that were open on these bars
        trades: object[]  # they, or none of too many
        money_decimals: count  # of profits, fees and equity
        trailing_stop?: number?[]  # its level during the bar, of runs that asked for one""",
    "Curves": "curves: curve[], benchmarks: benchmark_curve[]",
    "Error": """
        error: text
        errors?: text{}  # by field; of a bulk call by line.field
        run_id?: text?""",
    "RuleCheck": """
        valid: flag
        errors: text{}  # by field; empty when valid
        places: place{}  # of the faults in the texts of FORMULA, from 1
        inputs: text[]?  # names that the texts leave open; null: unreadable
        label: text?, lookback_bars warmup_bars: count?
        warnings: text[]  # of a valid rule, what cannot have been meant""",
    "Accepted": "run_id: text, status: state, status_url result_url: text",
    "Titled": "title: text",
    "RunsChanged": """
        changed: count
        left: count{}  # as they were, by state; cancelled is one""",
    "Status": f"""
        run_id: text, status: state, attempt: whole
        {_RUN_TIMES}
        position?: count?
        queue_answers?: flag?  # of a waiting run: whether Redis is there to tell the position
        error_type? error_message?: text?, waiting_since?: moment?, result_url?: text""",
    "Lines": """
        total first bars_per_point: count, lines: line[]?
        note?: text  # why there are none""",
    "Explanation": """
        bar: count, date: text, signal: buy|sell|none, sides: sides?, conditions: condition[]
        account: text[], sentence: text
        note?: text  # why there are no sides""",
    "Stretch": """
        from to: count, first last sentence: text, held_back: text[]
        note?: text  # why nothing is said of the rule's conditions""",
    "Audit": "audit: entry[], next_after: count?",
    "BatchRun": f"""
        run_id ticker rule_type: text, params: object, status: state, attempt: whole
        metrics: object?, request_hash: text
        {_RUN_TIMES}
        title?: text, rule_id? label? error_type? error_message?: text?""",
    "Bulk": """
        batch_id: text, runs new: count, status_url: text, existing: count{}, run_ids: text?[]
        on_other_prices: count  # runs that the batch had already, of other versions of prices""",
    "SweepAccepted": """
        batch_id: text, runs new on_other_prices: count, status_url: text, existing: count{}
        run_ids: text?[], first_requests: object[], ranking: object?""",
    "Batch": """
        batch_id title: text, runs: count, created_at completed_at: moment?
        counts: state_counts, cancelled: count, failures: count{}, throughput_per_s: number?
        seconds_left: number?  # a guess by the runs so far; null before there is one
        queue_wait_s run_s: spread
        metric note: text, goal: max|min, constraints: text[], leaderboard: BatchRun[]""",
    "Runs": "runs: ListedRun[], next previous: text?",
    "ListedRun": f"""
        run_id title ticker timeframe rule_type: text, rule_id label batch_id error_type: text?
        status: state, metrics: number?{{}}?
        {_RUN_TIMES}""",
    "Batches": "batches: ListedBatch[], next_after: count?",
    "ListedBatch": """
        batch_id title: text, runs: count, counts: state_counts, cancelled: count
        progress_pct: percent, created_at last_activity_at: moment?
        first_run last_run: named_run""",
    "BatchPage": "batch_id: text, runs: BatchRun[], next_after: text?",
    "Points": """
        batch_id: text, run_ids: text[], runs chosen: count, params metrics about: object""",
    "ScreenAccepted": "screen_id: text, combinations jobs: count, status_url result_url: text",
    "Screen": """
        screen_id title: text, name: text?, status: state, rule_type: text, tickers: text[]
        combinations done: count, error_type error_message: text?
        created_at completed_at: moment?, metric: text, goal: max|min, constraints: text[]
        receipts: object[], leaderboard: ScreenRow[]""",
    "ScreenBatch": """
        batch_id: text, runs new: count, run_ids: text[], status_url result_url: text""",
    "ScreenRow": """
        number: count, ticker: text, params: object, metrics: number?{}, run_id: text?
        is_equal: flag?  # whether its run came to the same metrics""",
    "StudyAccepted": "study_id batch_id status_url page_url: text",
    "Studies": "studies: study[], next_after: count?",
    "Study": f"""{_STUDY}
        batch_id: text, request: StudyRequest, windows: object[]
        runs: jobs, counts: state_counts?
        seconds_left: number?  # until all its Jobs have ended, a guess; null before there is one
        choices: object[]?, verdict: object?""",
    "PortfolioAccepted": "legs: count, portfolio_id status_url page_url: text",
    "Portfolios": "portfolios: listed_portfolio[], next_after: count?",
    "Portfolio": f"""{_PORTFOLIO}
        batch_id: text, request: PortfolioRequest, error_type error_message: text?, legs: leg[]
        data_hash result_hash engine_version analysis_version image_tag: text?
        metrics: number?{{}}?, metrics_notes: text{{}}
        equity_curve?: EquityPoint[], drawdown_curve?: DrawdownPoint[], trades?: PortfolioTrade[]
        left_out?: left_out, interest? borrow_fees?: number, weights?: weights
        correlations?: correlations, notes?: text[], money_decimals?: count""",
    "PortfolioCurves": """
        time: times, equity held_equally drawdown_pct positions: number[], invested_pct: number?[]
        benchmark: held?, money_decimals: count""",
    "PriceSeries": "series: series_version[]",
    "PriceVersions": "ticker timeframe: text, versions: version[]",
    "PriceReport": """
        ticker timeframe looks: text, timezone: text?, outcome: new|changed|unchanged
        stored: flag, data_hash: text, bars: count, first_bar last_bar: text, closes_only: flag
        added revised removed: count, done: text[], warnings: object[]""",
}
# in addition to the fields of a run's trade
PORTFOLIO_TRADE = """
    exit_reason: exit
    leg: count  # its number, from 0
    ticker: text
    resized: count  # how often rebalancing changed it
    signal_date: text  # of the bar whose signal opened it"""
