package mutants

// schemaMutants swap in what is not whole.
var schemaMutants = []Mutant{
	{
		Name: "the link is removed before the new one is there", File: "schema/generation.go", Package: "./schema",
		Old: "	if err := os.Rename(fresh, link); err != nil {\n",
		New: "	_ = os.Remove(link)\n	if err := os.Rename(fresh, link); err != nil {\n",
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
		Old: "source(ctx, p.from, ", New: "source(ctx, p.from+1, ",
	},
	{
		Name: "a database that is behind replaces the current one", File: "replay/exchange.go", Package: replayTests,
		Old: "x.old.checkpoint.Seq > x.res.Seq {", New: "x.old.checkpoint.Seq > x.res.Seq && false {",
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
		Name: "a rebuild that crashed as it went on is gone on with", File: "replay/resume.go", Package: replayTests,
		Old: "schema.RemoveResume(b.path)", New: "error(nil)",
	},
	{
		Name: "an interrupted rebuild goes on with other options", File: "replay/resume.go", Package: replayTests,
		Old: "	case r.UntilSeq != wanted.UntilSeq, !r.UntilTime.Equal(wanted.UntilTime), r.Channel != wanted.Channel:\n", New: "	case false:\n",
	},
	{
		Name: "an interrupted rebuild goes on with other projections", File: "replay/resume.go", Package: replayTests,
		Old: "	case r.Fingerprint != wanted.Fingerprint:\n", New: "	case false:\n",
	},
	{
		Name: "a rebuild that stopped at a failure keeps nothing", File: "replay/build.go", Package: replayTests,
		Old: "(errors.As(err, &failed) || errors.Is(", New: "(errors.As(err, &failed) && false || errors.Is(",
	},
	{
		Name: "a rebuild that stopped at a failure keeps the batches before it alone", File: "replay/pipeline.go", Package: replayTests,
		Old: "		if n > 0 {\n", New: "		if n > len(batch) {\n",
	},
	{
		Name: "what was current a moment ago is removed at once", File: "replay/prune.go", Package: replayTests,
		Old: "	if err == nil && time.Until(p.before) <= 0 {\n		err = p.store.Prune(p.cfg.Keep, p.replaced)\n", New: "	if err == nil {\n		err = p.store.Prune(p.cfg.Keep)\n",
	},
	{
		Name: "nobody removes what was current for a while longer", File: "replay/supervisor_sweep.go", Package: replayTests,
		Old: "	return s.store.Prune(s.keep)\n", New: "	return nil\n",
	},
	{
		Name: "an interrupted rebuild goes on with another history", File: "replay/resume.go", Package: replayTests,
		Old: "	case m.MsgID != left.MsgID || m.Time.UnixMilli() != left.TimeMS:\n", New: "	case m == nil:\n",
	},
	{
		Name: "tables that have what the stream lost are replaced", File: "replay/erasures.go", Package: replayTests, Run: "Refused|LostBlock|TheStreamLost",
		Old: "	if list.Many() {\n", New: "	if list.Many() && c.AcceptErased {\n",
	},
	{
		Name: "tables that have what an archive forgot are replaced", File: "replay/erasures.go", Package: replayTests, Run: "Refused",
		Old: "	if res.manyErased && !c.AcceptErased {\n", New: "	if res.manyErased && c.Force && !c.AcceptErased {\n",
	},
	{
		Name: "tables that have what the stream lost are not kept", File: "replay/exchange.go", Package: replayTests, Run: "Refused|TheStreamLost",
		Old: " || x.old.from < x.res.From || x.res.manyErased)", New: " || x.old.from < x.res.From)",
	},
	{
		Name: "an undo keeps no tables that have what the stream lost", File: "replay/undo.go", Package: replayTests, Run: "Undo",
		Old: "		if res.manyErased {\n", New: "		if res.manyErased && cfg.Force {\n",
	},
	{
		Name: "a rebuild takes for erased what does not come", File: "streams/witness.go", Package: replayTests, Run: "ForErased|Witnessed",
		Old: "	if from > to || w.lists(from, to) == 0 {\n", New: "	if from > to || w.first == 0 {\n",
	},
	{
		Name: "a rebuild takes its end for the stream's", File: "streams/witness.go", Package: replayTests, Run: "ForErased|Witnessed",
		Old: "	upTo := w.last\n", New: "	upTo := w.at\n",
	},
	{
		Name: "an outage at a hole takes what a rebuild has done", File: "replay/build.go", Package: replayTests, Run: "Nobody",
		Old: " || errors.Is(err, streams.ErrUnvouched)) && at > 0", New: ") && at > 0",
	},
	{
		Name: "verify looks at nothing", File: "replay/verify.go", Package: replayTests,
		Old: "	v.Equal = v.Different == 0\n", New: "	v.Equal = true\n",
	},
}
