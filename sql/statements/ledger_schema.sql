-- The ledger, format 7: the durable state of jobs. Safe to run again.
CREATE SCHEMA IF NOT EXISTS pgbackfill;

CREATE TABLE IF NOT EXISTS pgbackfill.job (
  job_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  format integer NOT NULL,
  fingerprint text NOT NULL,
  spec text[] NOT NULL,
  plan text NOT NULL,
  -- The same without what only a run and a rollback read of it.
  outline text NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'rolling back')),
  -- While it is rolled back: the last stage that is to stay done; empty: none.
  rollback_to text,
  created timestamptz NOT NULL DEFAULT now(),
  finished timestamptz,
  -- Why a run under way writes slower or not at all.
  throttle text,
  -- Where the backup is that was made before it.
  backup text
);

CREATE TABLE IF NOT EXISTS pgbackfill.step (
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  step_id text NOT NULL,
  ordinal integer NOT NULL,
  stage text NOT NULL,
  table_name text NOT NULL,
  title text NOT NULL,
  sql text NOT NULL,
  state text NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'running', 'done', 'failed')),
  started timestamptz,
  finished timestamptz,
  error text,
  -- Carried out by the job, not found to be so: taking it back is the job's to do.
  ours boolean NOT NULL DEFAULT false,
  -- Comparisons with the source: rows that had another value.
  rows bigint NOT NULL DEFAULT 0,
  -- Backfills: the server's WAL meanwhile, shared out by rows among the tables under way, and the
  -- sizes when the first row was about to be written and after the last.
  wal_bytes bigint NOT NULL DEFAULT 0,
  heap_before bigint,
  indexes_before bigint,
  heap_after bigint,
  indexes_after bigint,
  -- Backfills: the round whose ranges may be claimed, and how; NULL: none.
  open_round integer,
  open_late boolean,
  open_rows double precision,
  PRIMARY KEY (job_id, step_id)
);

-- The server's WAL while a stage ran, other sessions' included.
CREATE TABLE IF NOT EXISTS pgbackfill.stage (
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  stage text NOT NULL,
  wal_bytes bigint NOT NULL,
  PRIMARY KEY (job_id, stage)
);

CREATE TABLE IF NOT EXISTS pgbackfill.range (
  range_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id integer NOT NULL,
  step_id text NOT NULL,
  round integer NOT NULL,
  lower text[],
  upper text[],
  cursor text[],
  rows bigint NOT NULL DEFAULT 0,
  found bigint NOT NULL DEFAULT 0,
  -- Rows whose new version fitted into their page; NULL where the server does not count.
  hot bigint DEFAULT 0,
  batches bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done')),
  -- Which process works on it and until when nobody may take it over; NULL: nobody does.
  owner bigint,
  lease timestamptz,
  FOREIGN KEY (job_id, step_id) REFERENCES pgbackfill.step ON DELETE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS range_step ON pgbackfill.range (job_id, step_id, round);
CREATE INDEX IF NOT EXISTS range_undone ON pgbackfill.range (job_id, range_id)
  WHERE state <> 'done';

-- Who works or has worked on a job. gone: its heartbeat did not come in time, or another took its
-- place as coordinator.
CREATE TABLE IF NOT EXISTS pgbackfill.process (
  process_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('coordinator', 'helper')),
  host text NOT NULL,
  pid integer NOT NULL,
  started timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Until when it counts as living without another heartbeat.
  expires timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended', 'gone')),
  -- The last of pgbackfill.control that it has obeyed, and the last that came before it did.
  heard bigint NOT NULL,
  heard_first bigint NOT NULL
);

-- What operators ask of the run under way. A pause holds until it is resumed, whatever run comes.
CREATE TABLE IF NOT EXISTS pgbackfill.control (
  control_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  role text NOT NULL DEFAULT current_user,
  host text NOT NULL,
  action text NOT NULL CHECK (action IN ('pause', 'resume', 'stop', 'set')),
  -- set: of [run].
  key text,
  value text
);

-- Rows that the job inserted where they were missing, by their keys' columns as text: what taking
-- it back may delete.
CREATE TABLE IF NOT EXISTS pgbackfill.ensured (
  step_id text NOT NULL,
  row_key text[] NOT NULL,
  PRIMARY KEY (step_id, row_key)
);

-- How values were written before they became uuids, of which some row had it otherwise than uuid
-- writes it. It outlives the job's end, for its rollback.
CREATE TABLE IF NOT EXISTS pgbackfill.spelling (
  place text NOT NULL,
  value uuid NOT NULL,
  original text NOT NULL,
  rows bigint NOT NULL,
  -- The one that comes back; the rows of others lose theirs.
  kept boolean NOT NULL,
  PRIMARY KEY (place, value, original)
);

CREATE TABLE IF NOT EXISTS pgbackfill.quarantine (
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  step_id text NOT NULL,
  table_name text NOT NULL,
  row_key text NOT NULL,
  sqlstate text,
  message text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, step_id, row_key)
);

CREATE TABLE IF NOT EXISTS pgbackfill.event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id integer REFERENCES pgbackfill.job ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  level text NOT NULL,
  message text NOT NULL
);

-- What the backfill did in the seconds up to a moment, all processes together: rows, the server's
-- WAL, how long the coordinator's own batches took (NULL: it ended none), and why its writers held
-- back.
CREATE TABLE IF NOT EXISTS pgbackfill.sample (
  job_id integer NOT NULL REFERENCES pgbackfill.job ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seconds double precision NOT NULL,
  rows bigint NOT NULL,
  wal_bytes bigint NOT NULL,
  batch_ms_p50 double precision,
  batch_ms_p95 double precision,
  throttle text,
  PRIMARY KEY (job_id, at)
);

-- Columns whose new rows get their value from a default or a trigger of the job: names of a
-- sequence that counts them and of one that holds when the last came (seconds since 1970). Each is
-- outside of transactions, so that counting makes nobody wait.
CREATE TABLE IF NOT EXISTS pgbackfill.fill (
  table_name text NOT NULL,
  column_name text NOT NULL,
  counter text NOT NULL,
  clock text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (table_name, column_name)
);

CREATE OR REPLACE VIEW pgbackfill.progress AS
SELECT s.job_id, s.ordinal, s.stage, s.table_name, s.title, s.state,
       r.rows, r.batches, r.hot, r.ranges_done, r.ranges,
       coalesce(s.finished, clock_timestamp()) - s.started AS elapsed,
       s.error
FROM pgbackfill.step AS s
LEFT JOIN LATERAL (
  SELECT sum(rows) AS rows, sum(batches) AS batches, sum(hot) AS hot,
         count(*) FILTER (WHERE state = 'done') AS ranges_done, count(*) AS ranges
  FROM pgbackfill.range WHERE job_id = s.job_id AND step_id = s.step_id
) AS r ON true
ORDER BY s.job_id, s.ordinal;
