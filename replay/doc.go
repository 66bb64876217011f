// Package replay rebuilds the tables from the stream.
//
// Rebuild projects the stream from its first message into a new database file
// with the projector's own Applier, so what comes out is what the live
// projection would have made. The file becomes the store's current generation by
// an atomic swap of its link, or stays a file of its own. Readers see the old
// database or the new one, never a mixture; a crash at any point leaves the old
// one, and a file that the next start throws away.
//
// A Supervisor is a projector that does all that while it runs: the next
// generation is built beside the current one, caught up by the same ordered read,
// and handed over to when it is not behind. Tables that another version of the
// program made answer until they are remade so. Undo goes back to the generation
// before.
//
// A database that the stream does not continue may be the last copy of its
// history: Swap replaces it when it is forced to, and keeps it then.
//
// Verify rebuilds to the checkpoint of the live database, seen through one read
// transaction, and compares the two: row by row, by their definitions, and by
// what the full-text index finds.
//
// How events become rows belongs to package projector, files and their
// comparison to package schema.
package replay
