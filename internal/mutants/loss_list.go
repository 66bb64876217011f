package mutants

// lossMutants take what a store has lost for what somebody erased.
var lossMutants = []Mutant{
	{
		Name: "what the tables never had counts as lost", File: "internal/loss/tables.go", Package: "./internal/loss", Run: "Tables_",
		Old: "	lack, k := t.Lack(), 0\n", New: "	lack, k := (Tables{UpTo: t.UpTo}).Lack(), 0\n",
	},
	{
		Name: "a few that were erased count as lost", File: "internal/loss/loss.go", Package: "./internal/loss", Run: "Look_",
		Old: "	if !list.Many() {\n", New: "	if len(list) == 0 {\n",
	},
	{
		Name: "tables of another stream are believed", File: "internal/loss/beginning.go", Package: "./internal/loss", Run: "Look_",
		Old: "	if err != nil || c.StreamID != s.Identity().ID {\n", New: "	if err != nil || c.StreamID == \"\" {\n",
	},
	{
		Name: "a decision does not account for a beginning", File: "internal/loss/beginning.go", Package: "./internal/backup", Run: "OfATrimmed",
		Old: "; decided || err != nil {\n", New: "; err != nil && !decided {\n",
	},
	{
		Name: "an archive does not account for a beginning", File: "internal/loss/beginning.go", Package: "./internal/backup", Run: "OfATrimmed",
		Old: "if err == nil && !t.before(min(first, from)).Many() {\n", New: "if err == nil && t.before(min(first, from)).Many() {\n",
	},
	{
		Name: "a backup does not say what the stream has lost", File: "internal/backup/lost.go", Package: "./internal/backup", Run: "LostMessages",
		Old: "	t.m.Lost = loss.Of(list)\n", New: "	t.m.Lost = loss.Of(list[:0])\n",
	},
	{
		Name: "a stream that lost its end is backed up", File: "internal/backup/lost.go", Package: "./internal/backup", Run: "LostItsEnd",
		Old: "	if t.made.UpTo > copied.LastSeq {\n", New: "	if t.made.UpTo > copied.LastSeq && copied.LastSeq == 0 {\n",
	},
}
