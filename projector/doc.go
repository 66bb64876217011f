// Package projector keeps the SQLite tables current with the event stream.
//
// A Projector reads its own durable consumer in order and applies each batch in
// one transaction, which also moves the checkpoint and the producers'
// positions. Messages are acknowledged only after that commit, so a crash leads
// to redelivery, never to loss; what is at or below the checkpoint is skipped.
// Order is proven, not assumed: each message's stream sequence must follow the
// one before it, or the batch is dropped and the consumer reset.
//
// The Applier is the part that replay shares. It works in three steps: decode,
// fold, write. Folding happens in memory and is the only place, with decoding,
// where an event can fail; such an event becomes a dead letter in the same
// transaction. An SQL error is never an event's fault: it aborts the batch.
//
// A projection is one file: its name, its version, its tables and how it folds
// events into rows. No clock, random number, map order or configuration outside
// the fingerprint takes part, so the tables are a function of the stream.
//
// HandOver has a running Projector go on in another database file between two
// transactions, so that whoever reads the tables is never taken back.
//
// The tables belong to package schema, the consumer's settings to streams.
package projector
