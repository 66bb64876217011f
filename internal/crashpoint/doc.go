// Package crashpoint ends the process with SIGKILL at a named point, in programs
// that are built for it.
//
// Built with the tag "crashpoints", a program reads ROSEY_CRASHPOINT=<name>[:n]
// and dies at the n-th arrival at that point, at the first where n is missing.
// Just before, it appends the name as one line to the file that
// ROSEY_CRASHPOINT_FIRED names, so that whoever asked for it can tell this death
// from any other. A name that the program does not have is an error at its start:
// a campaign must not pass because a point was renamed.
//
// Without the tag nothing is read and nothing is called.
package crashpoint
