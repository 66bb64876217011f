package mutants

const controlTests = "./replay/control"

// controlMutants take requests that are not theirs, or lose sight of the work.
var controlMutants = []Mutant{
	{
		Name: "a request whose answer was lost begins work twice", File: "replay/control/service.go", Package: controlTests,
		Old: "r.Token == d.token {", New: "r.Token == d.token && false {",
	},
	{
		Name: "whoever leaves ends the work of others", File: "replay/control/client.go", Package: controlTests,
		Old: "	if !own {\n", New: "	if !own && w.ID == \"\" {\n",
	},
	{
		Name: "work is broken off by the name of earlier work", File: "replay/control/service.go", Package: controlTests,
		Old: "w.ID != r.ID {", New: "w.ID == \"\" {",
	},
	{
		Name: "a lost connection counts as the end of the process", File: "replay/control/client.go", Package: controlTests,
		Old: "		case !c.there():\n			return w, fmt.Errorf(\"control: %w\", ErrGone)\n		}\n	}\n}\n\n// breakOff", New: "		default:\n			return w, fmt.Errorf(\"control: %w\", ErrGone)\n		}\n	}\n}\n\n// breakOff",
	},
	{
		Name: "the end of the process is not noticed", File: "replay/control/client.go", Package: controlTests,
		Old: "	return err != nil || held && h.Key == c.key\n", New: "	return err != nil || !held || h.Key == c.key\n",
	},
	{
		Name: "projectors share the requests", File: "replay/control/subject.go", Package: controlTests,
		Old: "return prefix + key + \".\" + name", New: "return prefix + key[:0] + name",
	},
}
