package main

import (
	"fmt"
	"regexp"
)

// withoutValue is what the parser says of a flag that ends the line, or is followed by
// what looks like another flag.
var withoutValue = regexp.MustCompile(`^(--[a-z-]+): expected .+ value but got (?:"(-.*)" \((?:short|long) flag\); perhaps try .*|"EOL" \(<EOL>\))$`)

// misread says in plain words why a command line is not understood.
func misread(err error) string {
	found := withoutValue.FindStringSubmatch(err.Error())
	switch {
	case found == nil:
		return err.Error()
	case found[2] == "":
		return found[1] + " needs a value"
	}
	return fmt.Sprintf("%s needs a value: what follows, %q, begins with a dash, as flags do", found[1], found[2])
}
