-- Takes the ledger away. Nothing of others that hangs on it goes along: then it fails.
DROP VIEW IF EXISTS pgbackfill.progress;
DROP TABLE IF EXISTS pgbackfill.control, pgbackfill.fill, pgbackfill.ensured, pgbackfill.spelling, pgbackfill.event, pgbackfill.sample,
  pgbackfill.quarantine, pgbackfill.range, pgbackfill.stage, pgbackfill.process, pgbackfill.step, pgbackfill.job;
DROP SCHEMA IF EXISTS pgbackfill;
