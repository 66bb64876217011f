// Package cytube reads a CyTube channel: it connects, logs in, joins, and hands
// on every event the server sends, in order, for ever.
//
// A Client owns one line to one channel. Run keeps it up: each session asks the
// site where the channel's socket server is, connects, logs in first and joins
// second, so that the channel's state is sent once and the bot is never seen as
// an anonymous visitor. What happens becomes Items: Connected, one Frame for
// each event, Joined, Disconnected. The Handler gets them one at a time; when it
// is slow, the socket is read more slowly, and nothing is dropped.
//
// A session that ends, for whatever reason, is followed by another after a wait
// that suits the reason: at once for a lost line, minutes for a duplicate login,
// so that two bots never fight over a name, longer for a ban. Only the end of
// the context or an error of the Handler ends Run.
//
// What the server sends is outside data. A frame that cannot be read ends
// nothing: it is counted and, unless it is known to hold no event, becomes an
// Unreadable in its place, so that no loss goes unseen. The meaning of events
// belongs to the caller; this package looks only at those that decide over the
// session itself.
package cytube
