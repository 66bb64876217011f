package mutants

// schemaMutants swap in what is not whole.
var schemaMutants = []Mutant{
	{
		Name: "the link is removed before the new one is there", File: "schema/generation.go", Package: "./schema",
		Old: "	if err := os.Rename(fresh, s.Link); err != nil {\n",
		New: "	_ = os.Remove(s.Link)\n	if err := os.Rename(fresh, s.Link); err != nil {\n",
	},
	{
		Name: "readers may write", File: "schema/open.go", Package: "./schema",
		Old: `dsn(path, reading, "query_only(1)")`, New: `dsn(path, reading, "query_only(0)")`,
	},
}

const replayTests = "./replay"

// replayMutants rebuild something else.
var replayMutants = []Mutant{
	{
		Name: "a rebuild leaves the last message out", File: "replay/source.go", Package: replayTests,
		Old: "UpTo: last,", New: "UpTo: max(last, 2) - 1,",
	},
	{
		Name: "a rebuild skips the first message", File: "replay/pipeline.go", Package: replayTests,
		Old: "p.cfg.source(ctx, 1, p.last)", New: "p.cfg.source(ctx, 2, p.last)",
	},
	{
		Name: "a database that is behind replaces the current one", File: "replay/replay.go", Package: replayTests,
		Old: "old.checkpoint.Seq > res.Seq {", New: "old.checkpoint.Seq > res.Seq && false {",
	},
	{
		Name: "a rebuild goes on after a new failure", File: "replay/replay.go", Package: replayTests,
		Old: "c.KnownTo > 0 && seq > c.KnownTo\n", New: "c.KnownTo > 0 || seq > c.KnownTo\n",
	},
	{
		Name: "a rebuild of a trimmed stream begins where it can", File: "replay/archived.go", Package: replayTests,
		Old: "	return state, projector.CheckStart(ctx, cfg.Stream, schema.Checkpoint{})\n", New: "	return state, nil\n",
	},
	{
		Name: "another history's database is replaced unasked", File: "replay/current.go", Package: replayTests,
		Old: "	if cfg.Force && otherHistory(err) {\n", New: "	if otherHistory(err) {\n",
	},
	{
		Name: "verify looks at nothing", File: "replay/verify.go", Package: replayTests,
		Old: "	v.Equal = v.Different == 0\n", New: "	v.Equal = true\n",
	},
}
