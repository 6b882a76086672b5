"""A large site, made by SQL: copies of one real dataset and one real question, far and wide.

Runs as a superuser with triggers and foreign keys off (`session_replication_role = replica`), which
is what makes a million events a matter of seconds. The ledger's sums fit its entries; the hashes
of the log and the ledger are made up, so the records do not verify: lists do not look at them.
"""

from dataclasses import asdict

import psycopg
from _around import STATEMENTS as AROUND
from _code import STATEMENTS as CODE
from _template import ANYBODY, DATASETS, EVENTS, PEOPLE, POPULATIONS, REQUESTS, Template, row_id


def seed(dsn: str, template: Template) -> None:
    """Fill the database at `dsn` (as its superuser)."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '256MB'")
        for statement in (*_STATEMENTS, *AROUND, *CODE):
            connection.execute(_filled_in(statement, template).encode())
        connection.execute("VACUUM (ANALYZE)")


def _filled_in(statement: str, template: Template) -> str:
    for name, value in asdict(template).items():
        statement = statement.replace(f"@{name}@", f"'{value}'")
    return statement


_PEOPLE = f"""
INSERT INTO users (id, name, email, role, password_hash, active, created_at)
SELECT {row_id("usr", "i")}, 'Person ' || i, 'person' || i || '@example.org',
  CASE WHEN i % 200 = 0 THEN 'auditor' WHEN i % 100 = 0 THEN 'reviewer' ELSE 'researcher' END,
  '', i % 50 <> 7, now() - i * interval '4 hours'
FROM generate_series(1, {PEOPLE}) i
"""

_KEYS = f"""
INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, scopes, created_at, expires_at)
SELECT {row_id("key", "i")}, CASE WHEN i % 2 = 0 THEN @researcher@ ELSE {row_id("usr", "i")} END,
  'key ' || i, 'ck_' || left(md5(i::text), 7), md5('k' || i) || md5('l' || i), '{{read,ask}}',
  now() - i * interval '2 hours', now() + interval '90 days'
FROM generate_series(1, {PEOPLE}) i
"""

_POPULATIONS = f"""
INSERT INTO populations (id, name, description, each_limits, created_at)
SELECT {row_id("pop", "i")}, 'population_' || i, 'Everyone of district ' || i, each_limits,
  now() - i * interval '1 day'
FROM generate_series(1, {POPULATIONS}) i, populations WHERE id = @population@
"""

_TITLE = """(ARRAY['Hospital visits', 'Prescriptions', 'School records', 'Tax returns'])[1 + i % 4]
  || ' of district ' || i"""
_DESCRIPTION = "repeat('Collected every year from the district''s register. ', 8)"

# Two thousand datasets are of the template's population; the rest are spread over the others.
_DATASETS = f"""
INSERT INTO datasets (id, name, title, description, population_id, table_schema, revision, policy,
  policy_revision, version_id, created_at, created_by, terms, terms_revision, words)
SELECT {row_id("ds", "i")}, 'visits_' || i, numbered.title, numbered.description,
  CASE WHEN i % 5 = 0 THEN @population@ ELSE {row_id("pop", f"1 + i % {POPULATIONS}")} END,
  table_schema, 1, policy, 1,
  CASE WHEN i % 10 <> 3 THEN {row_id("ver", "i")} END, now() - i * interval '50 minutes', @owner@,
  CASE WHEN i % 2 = 0 THEN repeat('For research in the public interest alone. ', 20) ELSE '' END,
  (i + 1) % 2,
  lower(concat_ws(' ', 'visits_' || i, numbered.title, numbered.description, words))
FROM datasets, (
  SELECT i, {_TITLE} AS title, {_DESCRIPTION} AS description FROM generate_series(1, {DATASETS}) i
) numbered WHERE datasets.id = @dataset@
"""

# One version a dataset, and five hundred of the template's.
_VERSIONS = f"""
INSERT INTO dataset_versions (id, dataset_id, state, source_format, source_digest, source_size,
  revision, digest, size, rows, units, units_digest, report, commitment, created_at)
SELECT {row_id("ver", "i")}, CASE WHEN i > {DATASETS} THEN @dataset@ ELSE {row_id("ds", "i")} END,
  'ready', 'csv', md5(i::text) || md5('a' || i), 123456, 1, md5('b' || i) || md5(i::text), 98765,
  1000, 500, md5('u' || i) || md5(i::text), '{{}}', md5('c' || i), now() - i * interval '49 minutes'
FROM generate_series(1, {DATASETS} + 500) i
"""

# A thousand people may use the template's dataset, its researcher two thousand datasets.
_ACCESS = f"""
INSERT INTO dataset_access (dataset_id, user_id, granted_by, granted_at)
SELECT dataset, person, @owner@, now() - n * interval '1 minute' FROM (
  SELECT @dataset@ AS dataset, {row_id("usr", "i")} AS person, i AS n
    FROM generate_series(1, 1000) i
  UNION SELECT {row_id("ds", "i * 5 - 1")}, @researcher@, i FROM generate_series(1, 2000) i
  UNION SELECT {row_id("ds", f"1 + (i * 7919 + j * 31) % {DATASETS}")}, {row_id("usr", "i")}, i + j
    FROM generate_series(1, {PEOPLE}) i, generate_series(1, 10) j
) granted ON CONFLICT DO NOTHING
"""

_ACCOUNTS = f"""
INSERT INTO ledger_accounts (id, population_id, user_id, order1_milli, order2_milli, limit1, limit2,
  limit_delta)
SELECT {row_id("acc", "population_id || coalesce(user_id, '')")}, population_id, user_id,
  order1_milli, order2_milli, limit1, limit2, limit_delta
FROM (
  SELECT id AS population_id, NULL AS user_id FROM populations
  UNION SELECT DISTINCT population_id, user_id FROM dataset_access
    JOIN datasets ON datasets.id = dataset_id
) wanted,
(SELECT order1_milli, order2_milli, limit1, limit2, limit_delta FROM ledger_accounts
  WHERE population_id = @population@ AND user_id IS NULL) template
ON CONFLICT DO NOTHING
"""

_THEIRS = f"(1 + ((1 + (i * 7) % {PEOPLE}) * 7919 + (1 + i % 10) * 31) % {DATASETS})"
"""One of the ten datasets that the request's person may ask of."""

_REQUESTS = f"""
INSERT INTO requests (id, kind, dataset_id, requester_id, purpose, state, sql, target, bounds,
  content, content_hash, price, memo_key, votes_needed, round, version, created_at, updated_at,
  expires_at)
SELECT {row_id("req", "i")}, kind,
  CASE WHEN i % 3 = 0 THEN @dataset@ ELSE {row_id("ds", _THEIRS)} END,
  CASE WHEN i % 5 = 0 THEN @researcher@ ELSE {row_id("usr", ANYBODY)} END,
  CASE WHEN i % 4 = 0 THEN '' ELSE
    'Study ' || i % 997 || ': how do waiting times in district ' || i % 211 || ' compare, by '
    || (ARRAY['age', 'season', 'ward', 'diagnosis'])[1 + i % 4] || '?' END,
  CASE WHEN i % 100 < 85 THEN 'queued' WHEN i % 100 < 87 THEN 'submitted'
    WHEN i % 100 < 91 THEN 'rejected' WHEN i % 100 < 94 THEN 'withdrawn'
    WHEN i % 100 < 95 THEN 'changes_requested' WHEN i % 100 < 96 THEN 'over_budget'
    ELSE 'expired' END,
  sql, target, bounds, content, content_hash, price, '', CASE WHEN i % 3 = 1 THEN 2 ELSE 0 END,
  1, 1, now() - i * interval '5 minutes', now() - i * interval '5 minutes',
  CASE WHEN i % 100 IN (85, 86, 95) THEN now() + interval '30 days' END
FROM generate_series(1, {REQUESTS}) i, requests WHERE requests.id = @request@
"""

_VOTES = f"""
INSERT INTO votes (id, request_id, reviewer_id, round, decision, content_hash, reason, at)
SELECT {row_id("vot", "i * 4 + j")}, requests.id,
  CASE WHEN j = 0 AND i % 2 = 0 THEN @reviewer@ ELSE {row_id("usr", "100 * (1 + j)")} END, 1,
  'approve', content_hash, '', created_at
FROM generate_series(1, {REQUESTS}) i
JOIN requests ON requests.id = {row_id("req", "i")} AND votes_needed > 0, generate_series(0, 1) j
WHERE j = 0 OR state <> 'submitted'
"""

_RUNS = f"""
INSERT INTO runs (id, kind, queue, request_id, account_id, state, epoch, attempts_left, deadline_ms,
  queued_at, published_at, claimed_at, finished_at, visible_at, closed_at, failure, overran)
SELECT {row_id("run", "i")}, 'query', 'query', requests.id, account.id,
  CASE WHEN i < 100 THEN 'running' WHEN i % 50 IN (1, 5) THEN 'failed'
    WHEN i % 100 = 2 THEN 'cancelled' WHEN i % 200 = 3 THEN 'expired' ELSE 'succeeded' END,
  1, 2, 200, requests.created_at, requests.created_at, requests.created_at,
  CASE WHEN i >= 100 THEN requests.created_at END, requests.created_at + interval '0.2 s',
  CASE WHEN i >= 100 THEN requests.created_at + interval '0.2 s' END,
  CASE WHEN i % 50 IN (1, 5) THEN 'the unit 17 made it fail' END, i % 100 = 4
FROM generate_series(1, {REQUESTS}) i
JOIN requests ON requests.id = {row_id("req", "i")} AND requests.state = 'queued'
JOIN datasets ON datasets.id = dataset_id
LEFT JOIN ledger_accounts account ON account.population_id = datasets.population_id
  AND account.user_id = requester_id
"""

_INGESTS = f"""
INSERT INTO runs (id, kind, queue, version_id, state, epoch, attempts_left, deadline_ms, queued_at,
  claimed_at, finished_at, visible_at, closed_at)
SELECT {row_id("run", "'i' || id")}, 'ingest', 'ingest', id, 'succeeded', 1, 2, 0, created_at,
  created_at, created_at, created_at, created_at
FROM dataset_versions
"""

# Each account: its opening, and a reservation and a settlement for each run.
_ENTRIES = f"""
INSERT INTO ledger_entries (id, account_id, sequence, kind, run_id, request_id, cost1, cost2, delta,
  detail, previous_hash, hash, at)
WITH opening AS (
  SELECT detail FROM ledger_entries entry JOIN ledger_accounts account ON account.id = account_id
  WHERE population_id = @population@ AND user_id IS NULL AND kind = 'open'
), charged AS (
  SELECT account.id AS account_id, runs.id AS run_id, runs.request_id, runs.queued_at,
    greatest(1, limit1 / 200000) AS cost1, greatest(1, limit2 / 200000) AS cost2
  FROM runs JOIN requests ON requests.id = runs.request_id
  JOIN datasets ON datasets.id = dataset_id
  JOIN ledger_accounts account ON account.population_id = datasets.population_id
    AND (account.user_id = requester_id OR account.user_id IS NULL)
), moved AS (
  SELECT account_id, 'reserve' AS kind, run_id, request_id, cost1, cost2,
    jsonb_build_object('noise', content -> 'noise') AS detail, queued_at AS at
  FROM charged, requests template WHERE template.id = @request@
  UNION ALL
  SELECT account_id, 'settle', run_id, request_id, cost1, cost2, '{{}}',
    queued_at + interval '0.2 s'
  FROM charged
), all_of_them AS (
  SELECT id AS account_id, 'open' AS kind, NULL AS run_id, NULL AS request_id, 0 AS cost1,
    0 AS cost2, detail, now() - interval '2 years' AS at
  FROM ledger_accounts, opening WHERE entries = 0
  UNION ALL SELECT * FROM moved
), numbered AS (
  SELECT moved.*, account.entries + row_number() OVER (
    PARTITION BY account_id ORDER BY at, kind) AS sequence
  FROM all_of_them moved JOIN ledger_accounts account ON account.id = account_id
)
SELECT {row_id("led", "account_id || sequence")}, account_id, sequence, kind, run_id, request_id,
  cost1, cost2, 0, detail, md5(account_id || (sequence - 1)), md5(account_id || sequence), at
FROM numbered
"""

_SUMS = """
UPDATE ledger_accounts SET entries = sums.entries, spent1 = sums.spent1, spent2 = sums.spent2,
  charges = sums.charges
FROM (
  SELECT account_id, max(sequence) AS entries,
    coalesce(sum(cost1) FILTER (WHERE kind = 'settle'), 0) AS spent1,
    coalesce(sum(cost2) FILTER (WHERE kind = 'settle'), 0) AS spent2,
    count(*) FILTER (WHERE kind = 'reserve') AS charges
  FROM ledger_entries GROUP BY account_id
) sums WHERE sums.account_id = ledger_accounts.id
"""

# Most events are the site's; raises and new people stand only at the beginning of the log. Those
# about requests name their dataset, a third of them the template's; 5,000 are about it itself.
_EVENTS = f"""
INSERT INTO audit_events (sequence, at, actor, action, subject, detail, previous_hash, hash)
SELECT head.sequence + i, now() - ({EVENTS} - i) * interval '30 seconds',
  CASE WHEN i % 2 = 0 THEN 'site' WHEN i % 10 = 1 THEN @researcher@
    ELSE {row_id("usr", ANYBODY)} END,
  CASE WHEN i < 5000 AND i % 10 = 0 THEN 'ledger.raised'
    WHEN i < 20000 AND i % 10 = 1 THEN 'user.created'
    ELSE (ARRAY['run.queued', 'request.submitted', 'output.released', 'request.approved',
      'run.ended', 'request.voted', 'key.created', 'access.given'])[1 + i % 8] END,
  CASE WHEN i % 2 = 0 THEN {row_id("run", f"i % {REQUESTS}")} WHEN i % 200 = 7 THEN @dataset@
    WHEN i % 8 = 7 THEN {row_id("ds", f"1 + i % {DATASETS}")}
    ELSE {row_id("req", f"i % {REQUESTS}")} END,
  CASE WHEN i % 2 = 0 OR i % 8 = 7 THEN '{{}}' WHEN i % 3 = 0
    THEN jsonb_build_object('dataset', @dataset@)
    ELSE jsonb_build_object('dataset', {row_id("ds", f"1 + i % {DATASETS}")}) END
  || jsonb_build_object('content', md5(i::text) || md5('d' || i), 'approval', 'automatic',
    'entries', jsonb_build_array(md5('e' || i), md5('f' || i))),
  md5((i - 1)::text) || md5('h' || i - 1), md5(i::text) || md5('h' || i)
FROM generate_series(1, {EVENTS}) i, audit_head head
"""

_HEAD = """
UPDATE audit_head SET sequence = last.sequence, hash = last.hash
FROM (SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1) last
"""

_STATEMENTS = (
    *(_PEOPLE, _KEYS, _POPULATIONS, _DATASETS, _VERSIONS, _ACCESS, _ACCOUNTS),
    *(_REQUESTS, _VOTES, _RUNS, _INGESTS, _ENTRIES, _SUMS, _EVENTS, _HEAD),
)
