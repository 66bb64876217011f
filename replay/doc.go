// Package replay rebuilds the tables from the stream.
//
// A rebuild projects the stream from its first message into a new database file
// with the projector's own Applier, so what comes out is what the live
// projection would have made. With Swap the file becomes the store's current
// generation by an atomic swap of its link, with Into it stays a file of its own.
// Readers see the old database or the new one, never a mixture; a crash at any
// point leaves the old one, and a file that the next start throws away. What was
// interrupted between two batches leaves a mark beside its file, and is gone on with.
//
// A Supervisor is a projector that does all that while it runs: the next
// generation is built beside the current one, caught up by the same ordered read,
// and handed over to when it is not behind. Tables that another version of the
// program made answer until they are remade so. Undo goes back to the generation
// before.
//
// What may be the last copy of something is not replaced. Swap refuses, with a
// *projector.StartError that names the next step, where the stream does not continue
// the database (unless it is forced to), begins later than it should, or lists many
// messages as erased that the tables have; where it is told to all the same, it keeps
// the file. Nothing is taken for erased that the stream's leader does not list. A
// rebuild stops at an event that cannot be applied and was no dead letter before,
// unless failures are accepted.
//
// Retry tries dead letters again: each is read with this program first, and if any can
// be applied the tables are rebuilt, because nothing is applied out of order.
//
// Verify rebuilds to the checkpoint of the live database, seen through one read
// transaction, and compares the two: row by row, by their definitions, and by
// what the full-text index finds.
//
// How events become rows belongs to package projector, files and their
// comparison to package schema.
package replay
