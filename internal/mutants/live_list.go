package mutants

// liveMutants go wrong in a rebuild beside the running projection.
var liveMutants = []Mutant{
	{
		Name: "readers are taken back by a handover", File: "projector/handover.go", Package: "./projector", Run: "HandOver",
		Old: "now < at.Seq {", New: "now < at.Seq && false {",
	},
	{
		Name: "the link is swapped before the other database is looked at", File: "projector/handover.go", Package: "./projector", Run: "HandOver",
		Old: "	next, err := p.prepare(ctx, db, at)\n	if err == nil {\n		err = p.pending.Swap()\n	}\n",
		New: "	err = p.pending.Swap()\n	next, other := p.prepare(ctx, db, at)\n	err = errors.Join(err, other)\n",
	},
	{
		Name: "questions go on in the old database after a handover", File: "projector/handover.go", Package: "./projector", Run: "HandOver",
		Old: "File: o.file.main, Current: true}", New: "File: o.file.main}",
	},
	{
		Name: "a handover without Run hangs", File: "projector/handover.go", Package: "./projector", Run: "HandOver",
		Old: "	case <-ctx.Done():\n		return context.Cause(ctx)\n", New: "	case <-make(chan int):\n		return context.Cause(ctx)\n",
	},
	{
		Name: "the rest is not caught up before the swap", File: "replay/live.go", Package: replayTests, Run: "Supervisor_(Crash|Rebuilds)",
		Old: "t.f.over(ctx, at); err != nil {\n					return nil", New: "t.f.over(ctx, schema.Checkpoint{}); err != nil {\n					return nil",
	},
	{
		Name: "a handover that was taken is never answered", File: "projector/projector.go", Package: "./projector", Run: "HandOver",
		Old: "	defer p.answer(errEnded)\n", New: "",
	},
	{
		Name: "a part tells the channel of the whole", File: "projector/applier.go", Package: "./projector", Run: "OneChannel",
		Old: "			e, others = whole, a.othersEvent(whole)\n", New: "			e = whole\n",
	},
	{
		Name: "beside nobody readers are taken back", File: "replay/live.go", Package: replayTests, Run: "Undo",
		Old: "		err = t.f.over(ctx, at)\n", New: "		_ = at\n",
	},
	{
		Name: "a batch prepares a statement for each event", File: "projector/statements.go", Package: "./projector", Run: "Statements",
		Old: "	t.own[query] = stmt\n", New: "",
	},
	{
		Name: "what is passed over is no hole", File: "projector/pass.go", Package: replayTests, Run: "TheEndOfTheStreamWasErased",
		Old: "	a.hole(a.checkpoint.Seq+1, next.Seq)\n", New: "",
	},
	{
		Name: "the rest is taken for erased unread", File: "replay/follower.go", Package: replayTests, Run: "Supervisor_(Crash|Rebuilds)",
		Old: "	if err := f.to(ctx, at.Seq); err != nil {\n		return err\n	}\n	if err := f.applier.Pass", New: "	if err := f.applier.Pass",
	},
	{
		Name: "work is not broken off once it has come to the handover", File: "replay/live.go", Package: replayTests, Run: "Supervisor_Cancel",
		Old: "if err := t.f.cfg.lost(ctx, ", New: "if err := t.f.cfg.lost(context.WithoutCancel(ctx), ",
	},
	{
		Name: "what is caught up leaves a message out", File: "replay/follower.go", Package: replayTests, Run: "Supervisor_(Crash|Rebuilds|Undo)",
		Old: "f.cfg.source(ctx, at+1, last)", New: "f.cfg.source(ctx, at+2, last)",
	},
	{
		Name: "what is trimmed while it is read counts as erased", File: "replay/follower.go", Package: replayTests, Run: "Supervisor_Trimmed",
		Old: "	if state.FirstSeq > from {\n", New: "	if state.FirstSeq > from && from == 0 {\n",
	},
	{
		Name: "work that comes to nothing leaves its file", File: "schema/unfinished.go", Package: replayTests, Run: "Supervisor",
		Old: "	return RemoveFile(g.Path)\n}\n", New: "	return nil\n}\n",
	},
	{
		Name: "two works at a time", File: "replay/supervisor_work.go", Package: replayTests, Run: "Supervisor_OneWork",
		Old: "	case s.job != nil:\n", New: "	case s.job != nil && reason == ReasonProgram:\n",
	},
	{
		Name: "who asks while the process starts is turned away", File: "replay/supervisor_work.go", Package: replayTests, Run: "Supervisor_OneWork",
		Old: "	case s.over:\n", New: "	case !s.running:\n",
	},
	{
		Name: "other tables are not begun with after they were made", File: "replay/supervisor_work.go", Package: replayTests, Run: "Supervisor_OldTables",
		Old: "	if err == nil && s.present() == nil {\n", New: "	if err == nil && s.present() == nil && res.Kept == \"\" {\n",
	},
	{
		Name: "a generation is not marked before it is made", File: "schema/unfinished.go", Package: "./schema",
		Old: "		err = writeMark(g, unfinishedSuffix, os.O_EXCL)\n", New: "		_ = os.O_EXCL\n",
	},
	{
		Name: "a finished generation is still marked", File: "schema/generation.go", Package: "./schema",
		Old: "	_ = unmark(g, unfinishedSuffix)\n", New: "",
	},
	{
		Name: "the current generation is discarded", File: "schema/unfinished.go", Package: "./schema",
		Old: "		if known && g.Number == current.Number {\n", New: "		if known && g.Number == current.Number && false {\n",
	},
	{
		Name: "an undo goes to what was undone", File: "schema/previous.go", Package: "./schema",
		Old: "	before := s.before()\n", New: "	before := s.before() * 0\n",
	},
}
