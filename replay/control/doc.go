// Package control lets the owner of a database ask the process that keeps it for
// work: a rebuild, going back to the generation before, another try of dead
// letters.
//
// A Service answers in that process, and a Client asks in another one, over the
// server that both are connected to. The process is found by the database, not by
// a name: the lock of the store says which key its holder answers to, and the key
// is part of the subjects, `rosey.projector.<key>.start`, `.cancel` and `.work`.
// So a request reaches the one process that holds this database, whatever else
// is connected to the server.
//
// The subjects lie outside rosey.db: no stream captures them, and whoever may only
// read may neither ask nor answer on them. Nothing about an event is in what they
// carry, but for the numbers, subjects and reasons of those that cannot be
// applied.
//
// A request is asked once and then looked at, several times a second: a lost
// connection costs nothing but sight. What is repeated because its answer was lost
// begins nothing twice.
//
// The work itself belongs to package replay.
package control
