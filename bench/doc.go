// Package bench measures the whole way of an event: appended, drained from the
// spool, projected live, rebuilt from the stream, and from a CyTube frame to the
// row that a reader sees.
//
// Rates depend on the machine and on what else it does. Each measurement
// therefore runs its bounds beside the thing itself, in the same process and
// on the same events: reading the stream alone, decoding alone, SQLite alone,
// and a projector as one would first write it. The ratios between them are what
// compares from one machine, and from one day, to another.
//
// Every measurement is a function that returns a Result. The benchmarks of this
// package report it through testing.B; the command in bench/report runs the
// list several times and prints medians and their spread. Nothing is mocked:
// the server, its store, the spool and the databases are the real ones, in a
// directory of the caller's.
package bench
