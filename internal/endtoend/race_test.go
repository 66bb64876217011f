//go:build race

package endtoend

// raceEnabled says that this test runs under the race detector, and so shall the
// program.
const raceEnabled = true
