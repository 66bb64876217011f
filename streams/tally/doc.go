// Package tally counts how long things take, in a few ranges.
//
// It belongs to the parts that count, so that they know nothing of who shows the
// numbers; package obs does.
package tally
