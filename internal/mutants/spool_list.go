package mutants

const spoolTests = "./bot/spool"

// spoolMutants lose, repeat or reorder what was committed.
var spoolMutants = []Mutant{
	{
		Name: "a commit is not synced", File: "bot/spool/file.go", Package: spoolTests,
		Old: `"synchronous(FULL)"`, New: `"synchronous(OFF)"`,
	},
	{
		Name: "put answers before the commit", File: "bot/spool/writer.go", Package: spoolTests,
		Old: "	case s.changes <- c:\n		return <-c.done\n", New: "	case s.changes <- c:\n		return nil\n",
	},
	{
		Name: "rows are deleted before the answer", File: "bot/spool/drain.go", Package: spoolTests,
		Old: "	acks, err := d.publish(ctx, unit)\n",
		New: "	if err := d.settle(ctx, unit, \"\", 0); err != nil {\n		return err\n	}\n	acks, err := d.publish(ctx, unit)\n",
	},
	{
		Name: "after an uncertain publish nothing is looked for", File: "bot/spool/drain.go", Package: spoolTests,
		Old: "	if d.batch[0].id <= d.spool.sentRow {\n		return d.look(ctx)\n	}\n", New: "",
	},
	{
		Name: "after a restart nothing is looked for", File: "bot/spool/spool.go", Package: spoolTests,
		Old: "	s.sentRow = s.state.lastRow\n", New: "",
	},
	{
		Name: "what is looked for begins after the wrong sequence", File: "bot/spool/lookup.go", Package: spoolTests,
		Old: "		if found[anchor] == after {\n", New: "		if true {\n",
	},
	{
		Name: "what was found is sent again", File: "bot/spool/drain.go", Package: spoolTests,
		Old: "			stored = append(stored, r)\n", New: "			missing = append(missing, r)\n",
	},
	{
		Name: "the last event of a batch is dropped", File: "bot/spool/drain.go", Package: spoolTests,
		Old: "	messages := make([]streams.AppendMessage, len(unit))\n",
		New: "	whole := unit\n	if len(unit) > 1 {\n		unit = unit[:len(unit)-1]\n	}\n	defer func() { unit = whole }()\n	messages := make([]streams.AppendMessage, len(unit))\n",
	},
	{
		Name: "a refused event is thrown away", File: "bot/spool/drain.go", Package: spoolTests,
		Old: "		return d.setAside(ctx, first, err)\n", New: "		return d.settle(ctx, unit[:1], \"\", 0)\n", Run: "Refused",
	},
	{
		Name: "the last sequence is not recorded", File: "bot/spool/put.go", Package: spoolTests,
		Old: `			st.lastSeq, runSum(st.producer, st.lastSeq), st.producer)`,
		New: `			1, runSum(st.producer, 1), st.producer)`,
	},
	{
		Name: "a refused put uses up sequences", File: "bot/spool/put.go", Package: spoolTests,
		Old: "		if next.depth.Bytes > limit {\n", New: "		if next.depth.Bytes > limit {\n			st.lastSeq = next.lastSeq\n",
	},
	{
		Name: "a full spool takes more", File: "bot/spool/put.go", Package: spoolTests, Run: "FullRefuses",
		Old: "		if next.depth.Bytes > limit {\n", New: "		if next.depth.Bytes > limit && false {\n",
	},
	{
		Name: "the queue is read backwards", File: "bot/spool/drain.go", Package: spoolTests, Run: "SendsInOrder|Backlog",
		Old: "FROM events ORDER BY id LIMIT ?", New: "FROM events ORDER BY id DESC LIMIT ?",
	},
	{
		Name: "a part of the queue is taken for all of it", File: "bot/spool/tail.go", Package: spoolTests, Run: "Tail|Backlog",
		Old: "	if int64(len(t.rows)) != events {\n", New: "	if len(t.rows) == 0 {\n",
	},
	{
		Name: "a deletion waits while others want to be sent", File: "bot/spool/writer.go", Package: spoolTests, Run: "Patience|Patient",
		Old: "	case <-t.C:\n", New: "",
	},
	{
		Name: "a lost spool counts as a first one", File: "bot/spool/producer.go", Package: spoolTests,
		Old: "	previous.Known = !damaged\n", New: "	_ = damaged\n",
	},
	{
		Name: "two processes share a spool", File: "bot/spool/spool.go", Package: spoolTests,
		Old: "	lock, err := lockSpool(ctx, cfg.Path)\n", New: "	lock, err := lockSpool(ctx, cfg.Path + cfg.Now().String())\n",
	},
	{
		Name: "recovered events are sent again", File: "bot/spool/lookup.go", Package: spoolTests,
		Old: "				gone = append(gone, refs[i])\n", New: "				_ = refs[i]\n", Run: "LooksFor",
	},
	{
		Name: "a damaged row is sent", File: "bot/spool/checksum.go", Package: spoolTests,
		Old: "		return sum.Int64 == r.checksum()\n", New: "		return true\n", Run: "Recovers|RowThat",
	},
	{
		Name: "damage in the log goes unseen", File: "bot/spool/logcheck.go", Package: spoolTests,
		Old: "; lost > 1 {\n", New: "; lost > 1<<30 {\n", Run: "RecoversWhat",
	},
	{
		Name: "a run is vouched for by a damaged file", File: "bot/spool/recover.go", Package: spoolTests,
		Old: " || checkLog(file) != nil {\n", New: " {\n", Run: "RecoversWhat",
	},
	{
		Name: "what a damaged file holds is given up", File: "bot/spool/recover.go", Package: spoolTests,
		Old: "	for _, file := range files {\n		var done bool\n", New: "	for _, file := range files[:0] {\n		var done bool\n", Run: "Open_",
	},
}
