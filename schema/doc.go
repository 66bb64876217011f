// Package schema owns the SQLite file that the projections live in: its tables,
// how it is opened, where its checkpoint stands, what it is compared by, and
// which generation of it is the current one.
//
// The tables are SQL files, one for each projection, embedded in the program.
// There are no migrations: a database can be rebuilt from the stream at any
// time, so a changed table means a new generation beside the old one. Dump and
// Compare give every database a canonical form; two databases that project the
// same events have the same one, byte for byte.
//
// A generation is a real file, rosey.db.g<N>, and is never renamed. rosey.db is a
// symbolic link to the current one and is replaced atomically, so that readers
// see either the old database or the new one, never a mixture. An empty file
// rosey.db.g<N>.keep retains a generation that no rebuild would make again.
//
// What the rows mean belongs to package projector.
package schema
