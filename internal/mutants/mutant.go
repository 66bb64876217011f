package mutants

import (
	"fmt"
	"slices"
	"strings"
)

// Mutant is one deliberate fault.
type Mutant struct {
	// Name says what the faulty program does.
	Name string
	// File is what is changed, from the root of the module.
	File string
	// Old occurs once in the file; New takes its place.
	Old, New string
	// Package holds the tests that must notice, ./… from the root of the module.
	Package string
	// Run is the tests' pattern. Default: all of the package.
	Run string
}

// All lists every mutant, room by room.
func All() []Mutant {
	return slices.Concat(spoolMutants, botMutants, streamMutants, projectorMutants, schemaMutants, replayMutants, liveMutants, archiveMutants, controlMutants, doctorMutants,
		lossMutants, outboundMutants, serviceMutants)
}

// Apply returns the faulty text of a file.
func (m *Mutant) Apply(text string) (string, error) {
	if n := strings.Count(text, m.Old); n != 1 {
		return "", fmt.Errorf("mutants: %s: what it replaces occurs %d times in %s, want once", m.Name, n, m.File)
	}
	if m.Old == m.New {
		return "", fmt.Errorf("mutants: %s changes nothing", m.Name)
	}
	return strings.Replace(text, m.Old, m.New, 1), nil
}
