// Package spool is the bot's durable buffer: every event is committed here
// before anything else, and goes from here to the stream, in order.
//
// A Spool owns one SQLite file, locked against every other process. Put gives
// each event the next sequence of the running producer and returns once it is on
// the disk; calls that wait at the same time share one transaction. Only a
// committed event uses up a sequence, so a producer's numbers have no gap.
//
// Drain is the only path to the stream. One message or one atomic batch is in
// flight, and the next is sent after its acknowledgement; rows are deleted after
// it too, the last ones that wait with the transaction of the next event, if that
// comes soon. A few events that wait go one after the other, more of them as a
// batch; what has just been put is sent from memory, a backlog from the file.
// Whatever may have been sent without a recorded acknowledgement, be it for a
// lost answer or a crash, is first looked for in the stream, from the last
// acknowledged sequence on. So an event arrives once, however long an outage
// lasts. One thing could still make a second copy, which is recognised by its ID:
// an answer lost so late that the message is stored after the look.
//
// Nothing is dropped. A full spool refuses with ErrFull; what the stream refuses
// for good is kept in the table set_aside and a bot.set_aside event takes its
// sequence.
//
// Every row has a checksum, so that what is sent is what was put. A file that is
// damaged is moved aside, and what can be read of it is taken over into the new
// one: page by page and without SQLite (salvage.go), since one bad page must not
// cost the others. Nothing else of it is believed. A recovered event is sent unless
// the stream holds it or a later one of its producer, and where the file does not
// surely say how the last run ended, the next one says that it is not known.
//
// What events mean belongs to package events, how an append can fail to streams.
package spool
