// Package endtoend holds the tests of the whole: the real program, built once for
// each run, in processes of its own, against simulated sites in the test's
// process.
//
// What the tables should hold is worked out from the frames that were truly
// sent, by a count of its own that shares no code with the translation or the
// projections. A test that only the program's own idea of the protocol could
// satisfy would prove nothing.
//
// The package has no code besides its tests.
package endtoend
