// Package campaign kills real rosey processes again and again while a simulated
// channel talks, and compares what they kept with what was said.
//
// A campaign runs in segments. Each has a data folder and a channel of its own,
// and a seed that repeats its plan: which fault comes when, at which arrival at
// a crash point, after how long. A segment deals out one fault a cycle — death at
// a named point, death at any moment, a server that is away, a line that is cut,
// half-open or loses an answer, a process that stands still — and goes on when
// the fault is proven to have fired: a marker file, a wait status, the state of
// the process, a counter of the proxy in between. A fault that could not fire is
// tried once more and then counted as not fired, which fails the campaign.
//
// The truth is the ledger of the talk: time, name and text of each line. What
// CyTube says while no bot listens is not Rosey's to keep, and what the bot has
// read but not committed is lost with it; a real channel sends its last lines
// again at a join. The simulated one does that without a limit, but forgets what
// the bot's disk is known to hold: the witness reads the spool and the tables for
// that. So each line has to be in the stream and, exactly once, in the tables, and
// a line that was committed and lost is not made good by the channel. To every
// other run of the bot it sends some lines that are safe all the same, as a real
// one does: they must not count again.
//
// Meanwhile the bot is asked to speak, through the service or straight into the
// queue, and speaks under the limits of a real channel. At the end each message has
// to have a state that fits what the channel showed of it, what the stream says
// and what the tables hold: package speech judges that. On a channel where so much
// is said, what a join brings again often does not reach back to a line that was
// under way as the bot died; that line is unknown then, and has to be called so.
//
// A process that stands still is proven by what Linux says of it; elsewhere those
// faults count as not fired.
//
// At its end a segment is compared in five ways: the stream with the ledger, each
// producer's numbering with what the spool handed out, the tables with the
// ledger, the tables with an independent model of what the stream's events mean,
// and the live tables with a rebuild. Then the program's own doctor is asked.
package campaign
