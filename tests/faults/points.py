"""The points of the program at which tests make faults, named by what has happened there and what has not.

Functions and constants of the program are named here and in no test of faults: a rename changes one line, and
`test_points` says which.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A call: `module:function` or `module:Class.function`, named as its caller looks it up."""

    call: str
    when: str = "before"  # or "after" it


POINTS = {
    # of a Job, from its pop to its charts
    "between pop and reading": Point("consumer.job.messages:MessageWorker._fetch_message"),
    "between pop and claim": Point("consumer.job.worker:RunWorker.execute_job"),
    "inside the claim's transaction": Point("adapters.runs.states:event"),
    "between claim and exchange": Point("consumer.job.messages:MessageWorker.exchange"),
    "after the claim": Point("consumer.job.worker:RunWorker._run_child"),
    "during the engine": Point("consumer.job.task:backtest"),
    "during a screen": Point("consumer.kinds.screen:core_metrics"),
    "while legs are traded together": Point("consumer.kinds.portfolio:trade_together"),
    "at the hash of what they came to": Point("consumer.kinds.portfolio:columns_of"),
    "at the result's hash": Point("consumer.kinds.backtest:result_hash"),
    "at the result's encoding": Point("consumer.kinds.backtest:encode_equity"),
    "between engine and commit": Point("consumer.job.task:_record_success"),
    "inside the result's transaction": Point("consumer.job.task:finish", "after"),
    "between result and charts": Point("consumer.job.task:_draw_charts"),
    "inside the charts' transaction": Point("consumer.kinds.draw_charts:save_charts", "after"),
    # of the scaler and its template
    "at a process's start": Point("subprocess:Popen"),
    "before the template's imports": Point("consumer.job.termination:Termination.install"),
    # of the reconciler and a study's judge
    "at the judgement of leases": Point("consumer.leader.lead:expired_leases"),
    "at the search for lost messages": Point("consumer.leader.lead:overdue_attempts"),
    "at the search for plans": Point("consumer.leader.lead:living_plans"),
    "between the state and its runs": Point("consumer.leader.studies:move_study", "after"),
    "between the runs and the commit": Point("consumer.leader.studies:insert_runs", "after"),
    "between a portfolio's state and its Job": Point(
        "consumer.leader.portfolios:move_portfolio", "after"
    ),
    "between messages and their marking": Point("consumer.leader.lead:mark_enqueued"),
    "between the count of a judge and its start": Point(
        "consumer.leader.studies:count_start", "after"
    ),
    "in the verdict's process": Point("adapters.studies.verdict:stitched"),
    # of the web tier
    "between a submission's commit and its message": Point("web.runs.operations:enqueue"),
    "while readiness asks the database": Point("web.maintenance:Readiness.database"),
}
# points in the parent of a Job; at the others its child process is stopped
IN_PARENT = ("between pop and claim", "after the claim")

LIMITS = {
    "seconds for writing a result": "consumer.job.worker:WRITING_S",
    "seconds for a template's answer": "consumer.job_processes:ANSWER_S",
    "seconds until a template is ready": "consumer.job_processes:TEMPLATE_RETRY_S",
    "forks of a template": "consumer.job_processes:MAX_FORKS",
    "leases until a leader hangs": "consumer.leader.lead:LEASES_UNTIL_STUCK",
    "seconds for a request's body": "web.server:BODY_S",
    "seconds that a connection may idle": "web.server:IDLE_S",
    "connections of a process": "web.server:CONNECTIONS",
}
