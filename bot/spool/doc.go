// Package spool is the bot's durable buffer: every event is committed here
// before anything else, and goes from here to the stream, in order.
//
// A Spool owns one SQLite file, locked against every other process. Put gives
// each event the next sequence of the running producer and returns once it is on
// the disk; calls that wait at the same time share one transaction. Only a
// committed event uses up a sequence, so a producer's numbers have no gap.
//
// Drain is the only path to the stream. One message or one atomic batch is in
// flight; rows are deleted, and the next is sent, after its acknowledgement.
// Whatever may have been sent without a recorded acknowledgement, be it for a
// lost answer or a crash, is first looked for in the stream, from the last
// acknowledged sequence on. So an event arrives once, however long an outage
// lasts. Two things could still make a second copy, and both are recognised by
// its ID: an answer lost so late that the message is stored after the look, and
// a stream that was restored to an older state.
//
// Nothing is dropped. A full spool refuses with ErrFull; what the stream refuses
// for good is kept in the table set_aside and a bot.set_aside event takes its
// sequence; a file that is damaged is moved aside and named in the log, and the
// next run says that it does not know how the last one ended.
//
// What events mean belongs to package events, how an append can fail to streams.
package spool
