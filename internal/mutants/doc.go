// Package mutants holds deliberate faults, and applies each to see that the
// tests notice.
//
// A fault is one replacement in one file: the kind of mistake that would lose an
// event, count one twice, or let the tables say something else than the stream.
// It is compiled in by an overlay: the file in the tree is never touched. A fault
// that the tests let pass is a missing test.
//
// The list is kept true by a test of its own: each replacement still applies to
// exactly one place. Applying them all takes minutes; `task mutants` does.
package mutants
