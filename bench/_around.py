"""What stands around datasets and requests: groups, invitations, sessions, uploads, what was said
and told. SQL for `seed`."""

from _template import ANYBODY, DATASETS, GROUPS, PEOPLE, REQUESTS, row_id

# A thousand people and the template's reviewer in the first; forty in each of the others.
_GROUPS = f"""
INSERT INTO groups (id, name, description, created_at)
SELECT {row_id("grp", "i")}, 'group_' || i, 'Who reviews for district ' || i,
  now() - i * interval '1 day'
FROM generate_series(1, {GROUPS}) i
"""

_MEMBERS = f"""
INSERT INTO group_members (group_id, user_id, added_by, added_at)
SELECT {row_id("grp", "1")}, {row_id("usr", "i")}, @owner@, now() FROM generate_series(1, 1000) i
UNION SELECT {row_id("grp", "1")}, @reviewer@, @owner@, now()
UNION SELECT {row_id("grp", "i")}, {row_id("usr", f"1 + (i * 41 + j) % {PEOPLE}")}, @owner@, now()
  FROM generate_series(2, {GROUPS}) i, generate_series(1, 40) j
"""

# A third accepted, a third taken back, a third still open.
_INVITATIONS = f"""
INSERT INTO invitations (id, email, name, role, groups, datasets, token_hash, invited_by,
  created_at, expires_at, accepted_at, accepted_by, revoked_at)
SELECT {row_id("inv", "i")}, 'invited' || i || '@example.org', 'Guest ' || i, 'researcher',
  ARRAY[{row_id("grp", f"1 + i % {GROUPS}")}, {row_id("grp", f"1 + (i * 7) % {GROUPS}")}],
  ARRAY[{row_id("ds", f"1 + i % {DATASETS}")}, @dataset@], md5('i' || i) || md5('j' || i), @owner@,
  now() - i * interval '6 hours', now() - i * interval '6 hours' + interval '14 days',
  CASE WHEN i % 3 = 0 THEN now() END,
  CASE WHEN i % 3 = 0 THEN {row_id("usr", f"1 + i % {PEOPLE}")} END,
  CASE WHEN i % 3 = 1 THEN now() END
FROM generate_series(1, {PEOPLE}) i
"""

# Five of each person, and fifty of the template's owner.
_SESSIONS = f"""
INSERT INTO sessions (id, user_id, secret_hash, created_at, last_seen_at, expires_at, user_agent)
SELECT {row_id("ses", "i")},
  CASE WHEN i <= 50 THEN @owner@ ELSE {row_id("usr", ANYBODY)} END,
  md5('s' || i) || md5('t' || i), now() - i * interval '1 minute', now() - i * interval '1 second',
  now() + interval '5 days', 'Mozilla/5.0 (X11; Linux x86_64)'
FROM generate_series(1, {5 * PEOPLE} + 50) i
"""

_TERMS = """
INSERT INTO terms_accepted (dataset_id, user_id, revision, at)
SELECT id, user_id, terms_revision, now()
FROM datasets JOIN dataset_access ON dataset_id = id WHERE terms_revision > 0
"""

# As many open ones as a site keeps, all of the template's dataset, and five thousand that are over.
_UPLOADS = f"""
INSERT INTO uploads (id, dataset_id, created_by, purpose, source_format, size, received, state,
  version_id, created_at, expires_at)
SELECT {row_id("upl", "i")}, @dataset@, @owner@, 'version', 'csv', 1000000, i * 100,
  CASE WHEN i <= 50 THEN 'open' ELSE 'completed' END, {row_id("ver", "'u' || i")},
  now() - i * interval '1 hour', now() + interval '3 days'
FROM generate_series(1, 5050) i
"""

_MOCKS = f"""
INSERT INTO dataset_versions (id, dataset_id, state, purpose, source_format, source_digest,
  source_size, revision, commitment, created_at)
SELECT {row_id("ver", "'m' || i")}, @dataset@, 'ready', 'mock', 'csv', md5('m' || i), 123456, 1,
  md5('n' || i), now() - i * interval '7 hours'
FROM generate_series(1, 120) i
"""

_ROUNDS = """
INSERT INTO request_rounds (request_id, number, purpose, sql, target, bounds, content,
  content_hash, price, replaced_at)
SELECT id, i, purpose, sql, target, bounds, content, content_hash, price, now()
FROM generate_series(1, 20) i, requests WHERE id = @request@
"""

_SAVED = f"""
INSERT INTO saved_queries (id, user_id, name, dataset_id, sql, target, created_at, updated_at)
SELECT {row_id("sav", "i")}, @researcher@, 'query ' || i, @dataset@, sql, target,
  now() - i * interval '1 hour', now()
FROM generate_series(1, 500) i, requests WHERE requests.id = @request@
"""

_COMMENTS = f"""
INSERT INTO comments (id, request_id, author_id, kind, text, at)
SELECT {row_id("com", "i")}, @request@, @reviewer@, 'comment', 'Thought ' || i, now()
FROM generate_series(1, 100) i
"""

_WORKERS = f"""
INSERT INTO workers (id, name, secret_hash, queues, created_at)
SELECT {row_id("wrk", "i")}, 'worker-' || i, md5('w' || i), '{{query}}', now()
FROM generate_series(1, 50) i
"""

# Every second one was read; a fifth of the people's are the owner's.
_NOTIFICATIONS = f"""
INSERT INTO notifications (id, user_id, kind, title, body, link, subject, at, read_at, mailed_at)
SELECT {row_id("ntf", "i")}, CASE WHEN i % 5 = 0 THEN @owner@ ELSE {row_id("usr", ANYBODY)} END,
  'request_submitted', 'A request waits for you', 'Somebody asks about visits',
  '/requests/' || {row_id("req", "i")}, {row_id("req", "i")}, now() - i * interval '5 minutes',
  CASE WHEN i % 10 >= 5 THEN now() END, now()
FROM generate_series(1, {REQUESTS}) i
"""

STATEMENTS = (
    *(_GROUPS, _MEMBERS, _INVITATIONS, _SESSIONS, _TERMS, _UPLOADS, _MOCKS, _ROUNDS),
    *(_SAVED, _COMMENTS, _WORKERS, _NOTIFICATIONS),
)
