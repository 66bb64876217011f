// Package doctor examines an installation: whether each guarantee holds on what
// is there now, running or not.
//
// The heart of it is loss accounting. Every event carries its producer and a
// gap-free sequence, so that a read of all message ids says of each producer
// what the stream holds; its own table says the same of the database; and the
// next run of the same bot, or its spool, says where the producer ended. Examine
// compares the three. It keeps sets of intervals, so its memory follows the
// number of producers and gaps, never that of events.
//
// Events arrive meanwhile. Spools are therefore looked at first, then the
// database in one transaction, then the end of the stream, once: whatever an
// earlier source knows, a later one must have.
//
// A check is ok, wrong, or unknown: what could not be looked at is never called
// healthy. Nothing is written and no lease is taken, and nothing that anybody
// said is in a report.
package doctor
