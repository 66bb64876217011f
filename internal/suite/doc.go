// Package suite holds what the tests of many packages need beside what they test.
//
// Run is for packages whose tests wait for servers, channels, files and processes
// more than they compute: more of them go at once than the machine has processors.
// Where they build a program, NoteSources makes its sources theirs. Steadily is for
// what must not happen within a time that a machine which stands still would use up.
// No program has this package inside.
package suite
