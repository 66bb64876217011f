package mutants

const archiveTests = "./streams/archive"

// archiveMutants archive or restore something else.
var archiveMutants = []Mutant{
	{
		Name: "an archive takes for erased what does not come", File: "streams/archive/write.go", Package: archiveTests, Run: "Write",
		Old: "	return w.stream.Witnessed(src, from, to), nil\n", New: "	return src, nil\n",
	},
	{
		Name: "what is trimmed while an archive is written counts as erased", File: "streams/archive/write.go", Package: archiveTests, Run: "Write",
		Old: "	if state.FirstSeq > w.from {\n", New: "	if state.FirstSeq > w.from && false {\n",
	},
	{
		Name: "a reader does not find what took a segment's place", File: "streams/archive/reader.go", Package: archiveTests, Run: "Reader|Open",
		Old: "errors.Is(err, fs.ErrNotExist) && r.lookUp()", New: "false && r.lookUp()",
	},
	{
		Name: "a restored store is there before the rest", File: "internal/backup/settle.go", Package: "./internal/backup", Run: "Restore_CutOff",
		Old: "		names = append(names, store)\n", New: "		names = append([]string{store}, names...)\n",
	},
	{
		Name: "a part of a restored installation is used", File: "streams/unfinished.go", Package: "./internal/backup", Run: "Restore_CutOffOn",
		Old: "	if cfg.Metadata[restoringKey] != \"\" {\n", New: "	if cfg.Metadata[restoringKey] != \"\" && false {\n",
	},
	{
		Name: "a restored stream is given free before its queue", File: "internal/backup/unfinished.go", Package: "./internal/backup", Run: "Restore_CutOffOn",
		Old: "	for _, stream := range r.restoredStreams() {\n", New: "	for _, stream := range slices.Backward(r.restoredStreams()) {\n",
	},
	{
		Name: "what says whose a queue is goes before it", File: "internal/backup/unfinished.go", Package: "./internal/backup", Run: "Restore_TheClearing",
		Old: "range slices.Backward(left) {", New: "range slices.All(left) {",
	},
	{
		Name: "two restore into one folder", File: "internal/backup/claim.go", Package: "./internal/backup", Run: "Restore_OneAtATimeInAFolder",
		Old: "		if !ok {\n", New: "		if !ok && false {\n",
	},
	{
		Name: "what was moved stays where the rest could not be", File: "internal/backup/settle.go", Package: "./internal/backup", Run: "Restore_(ASync|APart)",
		Old: "		if there && !waits {\n", New: "		if there && !waits && false {\n",
	},
	{
		Name: "an archive goes on with another history", File: "streams/archive/join.go", Package: archiveTests,
		Old: "		if !same(archived, stored) {\n", New: "		if !same(archived, stored) && false {\n",
	},
	{
		Name: "an archive joins a stream across a gap", File: "streams/archive/join.go", Package: replayTests,
		Old: "	case state.FirstSeq > m.LastSeq+1:\n", New: "	case state.FirstSeq > m.LastSeq+1 && false:\n",
	},
	{
		Name: "an archive's contents are not compared with their hash", File: "streams/archive/segment.go", Package: archiveTests,
		Old: "	switch s := r.segment; {\n", New: "	switch s := r.segment; {\n	case r.messages == s.Messages:\n		return io.EOF\n",
	},
	{
		Name: "an archive brings back what was erased", File: "replay/source.go", Package: replayTests,
		Old: "min(state.FirstSeq-1, a.LastSeq(), j.last)", New: "min(a.LastSeq(), j.last)",
	},
	{
		Name: "restored messages have new times", File: "streams/imported.go", Package: archiveTests,
		Old: "	if m.Seq > i.to {\n", New: "	if m.Seq > 0 {\n",
	},
	{
		Name: "any publisher sets the time of its messages", File: "streams/imported.go", Package: archiveTests,
		Old: "	if m.Seq > i.to {\n", New: "	if i.to == 0 {\n",
	},
	{
		Name: "a stream that is not whole is used", File: "streams/setup.go", Package: archiveTests,
		Old: "	if info.Config.Metadata[importingKey] != \"\" {\n", New: "	if info.Config.Metadata[importingKey] != \"\" && false {\n",
	},
	{
		Name: "what is imported is not compared", File: "streams/archive/import.go", Package: archiveTests,
		Old: "		if !same(&m, &stored) || !sameHeaders(&m, &stored) {\n", New: "		if m.Seq != stored.Seq {\n",
	},
	{
		Name: "what is imported is compared without its headers", File: "streams/archive/import.go", Package: archiveTests, Run: "Import",
		Old: "!same(&m, &stored) || !sameHeaders(&m, &stored)", New: "!same(&m, &stored)",
	},
	{
		Name: "an archive keeps what was erased from the stream", File: "streams/archive/forget.go", Package: archiveTests, Run: "Forget",
		Old: "	case w.erasedSince == 0, w.o.Erased == KeepErased:\n", New: "	case w.erasedSince == 0, w.o.Erased != ForgetAllErased:\n",
	},
	{
		Name: "an archive forgets what was trimmed", File: "streams/archive/forget.go", Package: archiveTests, Run: "Trimmed",
		Old: "	runs := spans(erased)\n", New: "	runs := append(spans{{1, first - 1}}, erased...)\n	first = 1\n",
	},
	{
		Name: "a rewritten segment takes the old one's name", File: "streams/archive/forget.go", Package: archiveTests, Run: "Forget",
		Old: "open.finish(old.LastSeq, old.Rewritten+1)", New: "open.finish(old.LastSeq, old.Rewritten)",
	},
}
