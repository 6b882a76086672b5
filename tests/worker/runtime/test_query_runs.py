"""A query's whole way through a real worker."""

from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import query_job


def test_answer_is_posted_under_the_claims_epoch_and_token(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage, rows=700)))
    event = worker.site.wait_for(run, "succeeded", 204)
    script = worker.site.runs[run]
    assert (event.body["epoch"], event.body["claim_token"]) == (1, script.token)
    assert event.body["answer"]["primitives"][0]["values"] == [700]
    assert [e.action for e in worker.site.of(run)] == ["claim", "succeeded"]
