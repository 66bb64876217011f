// Package measure measures the whole way of an event: appended, drained from the
// spool, projected live, rebuilt from the stream, and from a CyTube frame to the
// row that a reader sees; what is asked and said over it; and what the program as a
// whole takes of the machine.
//
// Rates depend on the machine and on what else it does. A measurement therefore
// comes with its bounds, on the same events: reading the stream alone, decoding
// alone, SQLite alone, a projector as one would first write it, a recorder that
// writes its rows itself. The ratios between them are what compares from one
// machine, and from one day, to another.
//
// Every measurement is a function that returns a Result, with the same figures in
// the same order each time. It checks that what it sent has arrived, so that
// measuring nothing is an error. The command in bench runs them in processes of
// their own. Nothing is mocked but the channel: the server, its store, the spool
// and the databases are the real ones, in a directory of the caller's.
package measure
