// Package healing holds the tests of what a running installation survives: a
// consumer or a stream that disappears, servers that die, networks that swallow
// everything, clocks that jump, disks that fill up.
//
// Each test runs a bot on a simulated channel and a projector against a real
// NATS server, breaks something while people talk, puts it right, and then
// demands the whole account: every line in the tables once, every producer's
// sequence in the stream without a gap or a repetition, and tables that equal a
// replay. Where going on could not be right, it demands the named reason.
//
// The package has no code besides its tests.
package healing
