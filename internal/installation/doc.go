// Package installation knows how the parts of one Rosey installation find each
// other: where things lie in the data folder, and how to reach the stream.
//
// A data folder holds everything of an installation on the embedded server.
// Whoever runs that server writes an endpoint file there; every other part and
// every command reads it at each connection attempt, so that a server which
// comes back on another port is found again. Where no server runs, a command may
// run one for itself, under the store's lock.
package installation
