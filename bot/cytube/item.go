package cytube

import (
	"context"
	"encoding/json"
	"time"
)

// Item is one thing that happened on the line: a Connected, Frame, Unreadable,
// Joined or Disconnected.
type Item interface{ item() }

// Handler takes each Item before the next one is handed over. Its error ends
// the session and Run: the caller cannot keep what arrives.
//
// The context stays usable for a few seconds after the context of Run has
// ended, so that what was already read can still be stored.
type Handler func(context.Context, Item) error

// Connected says that the server accepted the connection to its namespace. It is
// the first Item of a session.
type Connected struct {
	At     time.Time
	Server string // URL of the socket
}

// Frame is one CyTube event, as it came.
type Frame struct {
	Event string
	Args  []json.RawMessage
	At    time.Time // when it was read
}

// Unreadable stands where a frame was that may have been an event and could not
// be read. What it held is not kept: nobody could tell the secrets in it.
type Unreadable struct {
	At     time.Time // when it was read
	Bytes  int       // how long it was
	Reason string    // one of the Unreadable constants
}

// Joined says that the bot is in the channel: logged in, if it has a name, and
// in possession of the user list. It follows the Frame that completed this.
type Joined struct {
	At    time.Time
	Visit uint64 // numbers the client's visits to the channel, for SendIn
	Name  string // as the server spells it; empty for an anonymous bot
	Guest bool
}

// Disconnected is the last Item of a session. It follows every Connected exactly
// once, unless the Handler failed.
type Disconnected struct {
	At     time.Time
	Reason string // one of the Reason constants
	Detail string // the server's or the network's own words; may hold what a moderator wrote

	// LastFrame is when the last frame of any sort was read, pings included: until
	// then the line is known to have been alive.
	LastFrame time.Time

	Kicked     bool
	KickReason string // what the kick said; may be empty
}

func (Connected) item()    {}
func (Frame) item()        {}
func (Unreadable) item()   {}
func (Joined) item()       {}
func (Disconnected) item() {}
