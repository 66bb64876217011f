package mutants

const doctorTests = "./internal/doctor"

// doctorMutants call an installation healthy that is not.
var doctorMutants = []Mutant{
	{
		Name: "gaps are not found", File: "internal/doctor/spans.go", Package: doctorTests,
		Old: "func (s spans) gaps() spans { return upTo(s.last()).minus(s) }", New: "func (s spans) gaps() spans { return upTo(s.last()).minus(upTo(s.last())) }",
	},
	{
		Name: "what a damaged store lists as erased is taken for meant", File: "internal/doctor/erased.go", Package: doctorTests, Run: "ManyErased",
		Old: "	case lost.Many():\n", New: "	case lost.Many() && begun && !begun:\n",
	},
	{
		Name: "what the tables take for erased is not looked for", File: "internal/doctor/erased.go", Package: doctorTests, Run: "AHole",
		Old: "	case len(forged) > 0:\n", New: "	case len(forged) > 9:\n",
	},
	{
		Name: "a rebuild is advised that loses what the tables alone have", File: "internal/doctor/rebuild.go", Package: doctorTests, Run: "ManyErased",
		Old: "		case e.lost().Many():\n", New: "		case e.lost().Many() && name == StreamErased:\n",
	},
	{
		Name: "a gap is no fault", File: "internal/doctor/producer.go", Package: doctorTests,
		Old: "	case VerdictGaps, VerdictTailMissing:\n", New: "	case VerdictTailMissing:\n",
	},
	{
		Name: "a tail that is missing is no fault", File: "internal/doctor/producer.go", Package: doctorTests,
		Old: "	case VerdictGaps, VerdictTailMissing:\n", New: "	case VerdictGaps:\n",
	},
	{
		Name: "a tail that nobody vouches for is taken for whole", File: "internal/doctor/producer.go", Package: doctorTests,
		Old: "	case VerdictUnaccounted:\n		return Unknown\n", New: "	case VerdictUnaccounted:\n		return OK\n",
	},
	{
		Name: "a sampled row that differs is passed over", File: "internal/doctor/sample.go", Package: doctorTests,
		Old: "		if columns := want.Differing(got); len(columns) > 0 {\n", New: "		if columns := want.Differing(got); len(columns) > 1 {\n", Run: "Sample",
	},
	{
		Name: "a sampled event needs no row", File: "internal/doctor/sample.go", Package: doctorTests,
		Old: "		if !elsewhere {\n", New: "		if !elsewhere && false {\n", Run: "Sample",
	},
	{
		Name: "what happened since the join is not compared", File: "internal/doctor/since.go", Package: doctorTests, Run: "Sample",
		Old: "		if len(columns) > 0 {\n", New: "		if len(columns) > 9 {\n",
	},
	{
		Name: "what another bot tells counts as the recorder's", File: "internal/doctor/since.go", Package: doctorTests, Run: "Sample",
		Old: "		if producer != c.leader {\n", New: "		if producer == \"\" {\n",
	},
	{
		Name: "a playlist is compared without what came after", File: "internal/doctor/since_tables.go", Package: doctorTests, Run: "Sample",
		Old: "	if !c.whole {\n		return nil\n", New: "	if c.from == 0 {\n		return nil\n",
	},
}
