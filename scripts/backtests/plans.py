"""What is made of many runs at once: screens, studies and portfolios."""

from backtests.transport import (
    LONG_TIMEOUT_S,
    Json,
    RunRequest,
    Seen,
    Transport,
    path_of,
)

BATCH_POLL_S, FIRST_LOOK_S = 1.0, 0.1
LIVING = ("pending", "running")


class Plans(Transport):
    """Screens, studies and portfolios of one platform."""

    def screen(self, sweep: RunRequest, top: int = 10, seen: Seen = lambda screen: None) -> Json:
        """Try a sweep in one Job for each ticker, and wait: its `top` rows, by the sweep's ranking, in `leaderboard`.

        A row has params and metrics, no receipt; `run_screened` makes a run of it. `seen` is told of each look at it.
        """
        started = self._post("/api/screens", sweep, timeout_s=LONG_TIMEOUT_S)
        path, pause_s = path_of("api", "screens", started["screen_id"]), FIRST_LOOK_S
        while (found := self.get(path, top=top))["status"] in LIVING:
            seen(found)
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, BATCH_POLL_S)
        return found

    def run_screened(self, screen_id: str, row: Json) -> str:
        """The run_id of a run, with charts and receipt, of a row that `screen` has found."""
        path = path_of("api", "screens", screen_id, "run")
        return str(self._post(path, number=row["number"], ticker=row["ticker"])["run_id"])

    def run_best_screened(self, screen_id: str, best: int | None = None) -> Json:
        """Run the best rows of a screen, or all, as one batch: its batch_id, run_ids, new."""
        return self._post(path_of("api", "screens", screen_id, "batch"), best=best)

    def plan_study(self, study: RunRequest) -> Json:
        """What a study would cost: runs, parts, and seconds at the pace of the latest batch; nothing is recorded."""
        return self._post("/api/studies", study, dry_run=True)

    def submit_study(self, study: RunRequest, key: str | None = None) -> Json:
        """Start a study: its study_id, batch_id and page_url; the same key makes no second one."""
        return self._post("/api/studies", study, key)

    def study(self, study_id: str) -> Json:
        """Everything about a study: its plan, its runs by state, what was chosen, and the verdict."""
        return self.get(path_of("api", "studies", study_id))

    def wait_study(self, study_id: str, seen: Seen = lambda study: None) -> Json:
        """The study once it has ended; `seen` is told of each look at it."""
        while (study := self.study(study_id))["completed_at"] is None:
            seen(study)
            self._sleep(BATCH_POLL_S)
        return study

    def cancel_study(self, study_id: str) -> None:
        """End a study without a verdict; Refused (409) when it has ended."""
        self._post(path_of("api", "studies", study_id, "cancel"))

    def submit_portfolio(self, portfolio: RunRequest, key: str | None = None) -> Json:
        """Start a portfolio: its portfolio_id, legs and page_url; the same key makes no second one.

        portfolio: legs and what they share, a batch_id whose runs are the legs, or a sweep with a section portfolio.
        """
        return self._post("/api/portfolios", portfolio, key, timeout_s=LONG_TIMEOUT_S)

    def portfolio(self, portfolio_id: str) -> Json:
        """Everything about a portfolio: its legs with their runs and contributions, metrics, equity, trades."""
        return self.get(path_of("api", "portfolios", portfolio_id))

    def wait_portfolio(self, portfolio_id: str, seen: Seen = lambda portfolio: None) -> Json:
        """The portfolio once it has completed or failed; `seen` is told of each look at it."""
        while (portfolio := self.portfolio(portfolio_id))["status"] in LIVING:
            seen(portfolio)
            self._sleep(BATCH_POLL_S)
        return portfolio

    def cancel_portfolio(self, portfolio_id: str) -> None:
        """End a portfolio and the runs that were made for it; Refused (409) when it has ended."""
        self._post(path_of("api", "portfolios", portfolio_id, "cancel"))
