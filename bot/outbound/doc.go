// Package outbound holds what the bot is asked to say, and says it.
//
// A Queue keeps each message under a key of its own in a KV bucket. Whoever moves
// a message from one state to another writes over the revision it has seen, so
// that of several only one succeeds. The transitions are checked in one place, and
// `sending` is written before the message leaves: it is never taken back, because
// nobody can know then whether it was shown.
//
// A Service answers the requests of other programs, and moves messages whose
// outcome somebody put into the stream. It needs the bucket alone: the bot runs
// one and the projector too, and either will do.
//
// What waits and what became of it lately is here. The history is in the stream,
// as the marks that package events defines, and in the projector's table.
package outbound
