// Package query answers questions from the tables: one file for each question.
//
// Every function reads through a schema.Queryer, a database opened with
// schema.OpenReader or a transaction on it where several answers have to agree,
// and returns typed values whose JSON names are the column names of the tables.
// Nothing is printed, nothing is written, and no clock is read: a period counts
// back from the newest moment the stream told, so that a question asked again
// about the same database has the same answer.
//
// Names of users and channels compare without case and keep their spelling. What
// is not there is ErrNotFound, never an empty answer; every list is bounded, and
// longer ones are paged by key.
//
// A Service answers the same questions over NATS, from the database of the
// projector in its process, and a Client asks one. Each question has its file
// there too, and its own type of request; docs/services.md is made of them. The
// service reads through connections that cannot write, each answer from one
// transaction. It is told by the projector which file that is, and never looks
// for itself: SQLite takes the log that lies beside a file for its own, and a file
// that was just put in place may have another one's.
//
// How rows come about belongs to package projector, the tables to schema.
package query
