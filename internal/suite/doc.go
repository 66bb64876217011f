// Package suite runs the tests of a package that wait more than they compute.
//
// They wait for servers, channels, files and processes, so that more of them go
// at once than the machine has processors. Where they build a program, its sources
// are theirs too (NoteSources). No program has this package inside.
package suite
