// Package bot turns what a CyTube channel says into the events that Rosey keeps.
//
// A Translator is the pure middle: items of a session go in, events come out. It
// does no I/O and asks no clock, so that a recording always translates to the
// same events. Each CyTube event becomes exactly one event that carries its name
// and arguments, the carrier; what the bot works out by itself (counts, highs,
// the end of an item, its own status and life) follows the carrier and carries
// nothing, so that completeness can be counted.
//
// Nothing that came is refused. Arguments of an unexpected shape travel under
// the open-ended kinds, counted by Malformed; a frame that could not be read at
// all leaves a bot.unreadable event. Passwords, addresses and aliases are
// replaced before anything else is done with a frame (redact.go).
//
// The Translator reports; it does not reconcile. Who was present, which chat
// line came twice and how long somebody stayed are the projector's to work out.
//
// A Recorder ends in steps, and each has its limit (ending.go). The context of Run
// ends the line to the channel, the watch for room and the questions for the lease;
// so do a commit that fails and a spool that is damaged. What was read is committed
// under a context that outlasts that one, bot.stopped under one of its own: both
// wait for the disk alone, and record waits for them. Then the lease is given back,
// the heartbeat is ended and the spool drains, all at the same time, for they need a
// server, which may be silent; draining has a context that nothing else ends. Run
// waits for all of it. The Handler's context, which package cytube lets outlast the
// stop, is used by nobody here: an item waits for the commit, however that ends.
package bot
