-- In a copy of a spool that was in use: the run that went on elsewhere. How it
-- ended is not known here.
ALTER TABLE drain ADD COLUMN open_run INTEGER NOT NULL DEFAULT 0;
