// Package cytubetest holds fake CyTube servers for tests and for the demo.
//
// A Player plays a recording of a real server's traffic back to a client, frame
// by frame, and watches what the client sends. A Channel is a simulated channel
// with users, chat, a playlist and polls that answers as the real server does:
// to a line it says what a real one says in flood, to somebody muted, new or
// without permission, and tests hold that against recordings. It knows which
// lines of clients it showed and which it dropped, and can be made to swallow
// lines, to take them late, and to cut the connection around one.
// An Evening drives a Channel by itself and keeps a Ledger of what happened, to
// compare with what others have counted.
//
// All of them listen on the loopback address alone.
package cytubetest
