"""Reviewed code on a large site: requests, runs on made-up rows, outputs and what people decided of
them, environments, comments on lines. SQL for `seed`; @code@ is a request made by the API."""

from _template import ANYBODY, row_id

CODE = 10_000
"""Requests for code, runs of it with outputs, and runs on made-up rows, so many of each."""
ENVIRONMENTS = 40
LINE_COMMENTS = 200
"""On the template's program; each of the others has one."""

_ENVIRONMENTS = f"""
INSERT INTO code_environments (name, description, packages, locked, imports, lock_hash, limits,
  retired, built_at)
SELECT 'env-' || i, 'Packages of group ' || i, packages,
  (SELECT jsonb_agg('package-' || n || '==1.' || i || '.' || n) FROM generate_series(1, 80) n),
  (SELECT jsonb_agg('module_' || n) FROM generate_series(1, 120) n),
  md5('v' || i) || md5('w' || i), limits, i % 4 = 0, now() - i * interval '1 day'
FROM generate_series(1, {ENVIRONMENTS} - 1) i, code_environments WHERE name = 'default'
"""

# A third is of the template's dataset, a third is given it beside another; a fifth is its
# researcher's. What is stored of each is as large as the template's program.
_REQUESTS = f"""
INSERT INTO requests (id, kind, dataset_id, also_datasets, requester_id, purpose, state, target,
  content, content_hash, price, memo_key, votes_needed, round, version, created_at, updated_at,
  expires_at, lineage, mock_run_id)
SELECT {row_id("req", "'c' || i")}, kind,
  CASE WHEN i % 3 = 0 THEN @dataset@ ELSE {row_id("ds", "1 + i")} END,
  CASE WHEN i % 3 = 1 THEN ARRAY[@dataset@] WHEN i % 9 = 0 THEN ARRAY[{row_id("ds", "2 + i")}]
    ELSE '{{}}' END,
  CASE WHEN i % 5 = 0 THEN @researcher@ ELSE {row_id("usr", ANYBODY)} END,
  'Model ' || i % 997 || ' of waiting times', state.word, target, content,
  md5('c' || i) || md5('h' || i), price, '', 1, 1, 1, now() - i * interval '50 minutes',
  now() - i * interval '50 minutes',
  CASE WHEN state.word = 'submitted' THEN now() + interval '30 days' END,
  CASE WHEN i % 50 = 0 THEN lineage ELSE md5('l' || i % 2000) END,
  {row_id("run", "'m' || i")}
FROM generate_series(1, {CODE}) i, requests,
  LATERAL (SELECT CASE WHEN i % 100 < 92 THEN 'queued' WHEN i % 100 < 95 THEN 'submitted'
    WHEN i % 100 < 98 THEN 'rejected' ELSE 'changes_requested' END AS word) state
WHERE requests.id = @code@
"""

_APPROVED = f"""
INSERT INTO votes (id, request_id, reviewer_id, round, decision, content_hash, reason, at)
SELECT {row_id("vot", "'c' || i")}, id, @reviewer@, 1, 'approve', content_hash, '', created_at
FROM generate_series(1, {CODE}) i
JOIN requests ON id = {row_id("req", "'c' || i")} AND state = 'queued'
"""

_RUNS = f"""
INSERT INTO runs (id, kind, queue, request_id, account_id, state, epoch, attempts_left, deadline_ms,
  queued_at, published_at, claimed_at, finished_at, visible_at, closed_at)
SELECT {row_id("run", "'c' || i")}, 'code', 'code', requests.id, account.id,
  CASE WHEN i < 20 THEN 'running' WHEN i % 40 = 1 THEN 'failed' ELSE 'succeeded' END, 1, 2, 409600,
  requests.created_at, requests.created_at, requests.created_at,
  CASE WHEN i >= 20 THEN requests.created_at END, requests.created_at + interval '410 s',
  CASE WHEN i >= 20 THEN requests.created_at + interval '410 s' END
FROM generate_series(1, {CODE}) i
JOIN requests ON requests.id = {row_id("req", "'c' || i")} AND requests.state = 'queued'
JOIN datasets ON datasets.id = dataset_id
LEFT JOIN ledger_accounts account ON account.population_id = datasets.population_id
  AND account.user_id = requester_id
"""

_REPORT = """jsonb_build_object('ending', 'returned', 'message', '', 'stdout',
  repeat('fitted one more' || chr(10), 200), 'stderr', '', 'traceback', '', 'wall_ms', 5200.5,
  'cpu_ms', 4800.25, 'peak_bytes', 250000000, 'tier', 'bubblewrap+seccomp+cgroup')"""
_ITEM = """jsonb_build_object('name', 'table_' || n, 'kind', 'table', 'size', 4000,
  'digest', md5('t' || i || n) || md5('u' || i || n))"""

# The newest tenth is held; of the others, one in twenty was withheld.
_OUTPUTS = f"""
INSERT INTO outputs (run_id, state, epoch, items, findings, report, votes_needed, digest,
  recorded_at)
SELECT runs.id,
  CASE WHEN i < {CODE} / 10 THEN 'held' WHEN i % 20 = 0 THEN 'withheld' ELSE 'released' END, 1,
  (SELECT jsonb_agg({_ITEM}) FROM generate_series(1, 4) n),
  (SELECT jsonb_agg(jsonb_build_object('check', 'small_cells', 'level', 'warning', 'item',
    'table_' || n, 'message', 'a cell of 7 in row ' || n)) FROM generate_series(1, 12) n),
  {_REPORT}, 1, md5('o' || i) || md5('p' || i), runs.queued_at
FROM generate_series(1, {CODE}) i
JOIN runs ON runs.id = {row_id("run", "'c' || i")} AND runs.state = 'succeeded'
"""

_DECIDED = f"""
INSERT INTO output_votes (id, run_id, reviewer_id, decision, digest, items, transforms, reason, at)
SELECT {row_id("ovt", "run_id")}, run_id, @reviewer@,
  CASE WHEN state = 'released' THEN 'release' ELSE 'withhold' END, digest, NULL, '[]', '',
  recorded_at
FROM outputs WHERE items IS NOT NULL AND state <> 'held'
"""

_ITEMS = """
INSERT INTO output_items (run_id, number, name, state, released, at)
SELECT run_id, number - 1, item ->> 'name',
  CASE WHEN state = 'released' THEN 'released' ELSE 'withheld' END,
  CASE WHEN state = 'released' THEN item END, recorded_at
FROM outputs, jsonb_array_elements(items) WITH ORDINALITY AS listed (item, number)
WHERE items IS NOT NULL AND state <> 'held'
"""

_MOCK_RUNS = f"""
INSERT INTO runs (id, kind, queue, state, epoch, attempts_left, deadline_ms, queued_at,
  published_at, claimed_at, finished_at, visible_at, closed_at)
SELECT {row_id("run", "'m' || i")}, 'mock_code', 'mock', 'succeeded', 1, 2, 0, made.at, made.at,
  made.at, made.at, made.at, made.at
FROM generate_series(1, {CODE}) i, LATERAL (SELECT now() - i * interval '7 minutes' AS at) made
"""

_MOCKS = f"""
INSERT INTO mock_runs (run_id, user_id, content, program_hash, rows, result, created_at, expires_at)
SELECT {row_id("run", "'m' || i")},
  CASE WHEN i % 5 = 0 THEN @researcher@ ELSE {row_id("usr", ANYBODY)} END,
  requests.content, md5('q' || i) || md5('r' || i), 1000,
  CASE WHEN i < {CODE} / 5 THEN jsonb_build_object('report', {_REPORT}, 'items', '[]'::jsonb) END,
  now() - i * interval '7 minutes',
  CASE WHEN i % 2 = 0 THEN now() + interval '7 days' END
FROM generate_series(1, {CODE}) i, requests WHERE requests.id = @code@
"""

_LINE_COMMENTS = f"""
INSERT INTO line_comments (id, request_id, author_id, path, line, round, content_hash, text, at)
SELECT {row_id("lco", "i")},
  CASE WHEN i <= {LINE_COMMENTS} THEN @code@ ELSE {row_id("req", "'c' || i")} END, @reviewer@,
  'analysis.py', 1 + i % 40, 1, md5('c' || i), 'Why this line and no other, reader ' || i || '?',
  now() - i * interval '9 minutes'
FROM generate_series(1, {CODE}) i
"""

# What the log has of it: an approval of each, as the look at an earlier version reads them.
_EVENTS = f"""
INSERT INTO audit_events (sequence, at, actor, action, subject, detail, previous_hash, hash)
SELECT head.sequence + row_number() OVER (ORDER BY requests.created_at), requests.created_at,
  'site', 'request.approved', requests.id,
  jsonb_build_object('dataset', dataset_id, 'content', content_hash), md5('x' || i),
  md5('y' || i) || md5('z' || i)
FROM generate_series(1, {CODE}) i
JOIN requests ON requests.id = {row_id("req", "'c' || i")} AND state = 'queued', audit_head head
"""

_HEAD = """
UPDATE audit_head SET sequence = last.sequence, hash = last.hash
FROM (SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1) last
"""

STATEMENTS = (
    *(_ENVIRONMENTS, _MOCK_RUNS, _MOCKS, _REQUESTS, _APPROVED, _RUNS, _OUTPUTS, _DECIDED),
    *(_ITEMS, _LINE_COMMENTS, _EVENTS, _HEAD),
)
